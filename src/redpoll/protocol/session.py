"""One connection's replies in step: bytes in, each reply to the call that waits for it. No I/O, no clock.

Replies come in the order of their commands, so the calls stand in one FIFO and its head owns the next reply. Three
things on the wire are no replies, and each would shift every later one if it were taken for one:

Pushes. hiredis gives them a type of their own. They go to ``on_push``, or to the subscription change they confirm. On
RESP2 they are ordinary arrays, so a session that serves subscriptions there tells them by their first word.

Attributes. hiredis gives them as an ordinary list in front of the reply they belong to. They begin with ``|``, and that
byte means an attribute only where a whole value has just ended. So a chunk that has it at its start or after a line
end is fed in pieces, each beginning with such a byte: if the reader stands between two values just before the piece,
its first value is an attribute and dropped; if it stands within a value, the byte is payload.

Text that is not UTF-8. A strict reader would raise without telling whether a push or a reply was lost. So a handler of
our own decodes such bytes reversibly and takes a note of it; the value is then judged with its type known.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final

from hiredis import ProtocolError, PushNotification, Reader, ReplyError

from redpoll.errors import DecodeFailed, ProtocolViolation, server_error

from .calls import NOT_TEXT, Call, Change, as_bytes

MAX_LINE: Final = 64 << 10
"""The longest first line, in bytes, that may come in without its end."""

_MORE: Final = object()
_SPECIAL: Final = frozenset((PushNotification, ReplyError))
_BAD: Final[set[int]] = set()  # threads whose reader met bytes that are not UTF-8; one process may run several loops
_SUBSCRIPTION_KINDS: Final = frozenset(
    (
        *(b"message", b"pmessage", b"smessage"),
        *(b"subscribe", b"psubscribe", b"ssubscribe"),
        *(b"unsubscribe", b"punsubscribe", b"sunsubscribe"),
    )
)
_escape: Final = codecs.lookup_error("surrogateescape")


def _flag(error: UnicodeError) -> tuple[str | bytes, int]:
    _BAD.add(get_ident())
    return _escape(error)


codecs.register_error("redpoll.flag", _flag)


class Session:
    """The replies of one connection.

    Attributes:
        waiting: the calls that were given to the connection and wait for their replies, oldest first.
    """

    __slots__ = (
        "_address",
        "_at_boundary",
        "_attribute",
        "_broken",
        "_fed",
        "_gets",
        "_has_data",
        "_line_open",
        "_max_bytes",
        "_odd",
        "_on_push",
        "_pushes_as_arrays",
        "_reader",
        "_tainted",
        "waiting",
    )

    def __init__(
        self,
        on_push: Callable[[list[Any]], None],
        *,
        address: str | None = None,
        max_reply_bytes: int = (512 << 20) + (64 << 10),
        pushes_as_arrays: bool = False,
    ) -> None:
        """Begin at the first byte of a connection.

        Args:
            on_push: gets each push, its text as str (see ``as_bytes``) or bytes.
            address: the server's, for errors.
            max_reply_bytes: more without a whole reply is a ``ProtocolViolation``. Counted in whole chunks.
            pushes_as_arrays: the connection serves subscriptions on RESP2.
        """
        self.waiting: deque[Call] = deque()
        self._address = address
        self._on_push = on_push
        self._max_bytes = max_reply_bytes
        self._pushes_as_arrays = pushes_as_arrays
        # False, hiredis' default for "not enough data", is also the RESP3 value #f.
        self._reader = Reader(encoding="utf-8", errors="redpoll.flag", notEnoughData=_MORE)
        self._gets = self._reader.gets
        self._has_data = self._reader.has_data
        self._at_boundary = True  # a whole value has just ended and nothing of the next one is there
        self._attribute = False  # the value that is being read is an attribute
        self._tainted = False  # the value that is being read holds text that is not UTF-8
        self._odd = pushes_as_arrays  # a look at each value is needed
        self._broken = False
        self._line_open = False  # not even the first line of the value that is being read has ended
        self._fed = 0  # bytes since the last whole value

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection and end the calls whose replies are whole.

        Raises:
            ProtocolViolation: what came is not RESP, answers nothing, or breaks a limit. The session is finished: the
                connection must be closed and the calls in ``waiting`` told.
        """
        if self._broken:
            return
        self._fed += len(data)
        fresh = self._at_boundary
        try:
            if b"|" in data:
                self._feed_marked(data)
            else:
                self._reader.feed(data)
                self._drain()
            if not self._at_boundary:
                self._check_limits(data, fresh)
        except ProtocolViolation:
            self._broken = True
            raise

    def lost(self) -> list[Call]:
        """End the session; return the calls that wait, oldest first, without those that were abandoned."""
        self._broken = True
        pending = [call for call in self.waiting if not call.done()]
        self.waiting.clear()
        return pending

    def _check_limits(self, data: bytes, fresh: bool) -> None:
        if fresh or self._line_open:
            self._line_open = b"\n" not in data
        if self._line_open and self._fed > MAX_LINE:
            raise ProtocolViolation(f"the server does not speak RESP here: a line is longer than {MAX_LINE} bytes")
        if self._fed > self._max_bytes:
            raise ProtocolViolation(f"a reply is longer than {self._max_bytes} bytes (option max_reply_bytes)")

    def _feed_marked(self, data: bytes) -> None:
        start = 0
        if not data.startswith(b"|"):
            start = data.find(b"\n|") + 1
            if start == 0:
                start = len(data)
            self._reader.feed(data[:start])
            self._drain()
        while start < len(data):
            end = data.find(b"\n|", start) + 1 or len(data)
            if self._at_boundary:
                self._attribute = self._odd = True
            self._reader.feed(data[start:end])
            self._drain()
            start = end

    def _drain(self) -> None:
        waiting, gets, has_data = self.waiting, self._gets, self._has_data
        while True:
            head = waiting[0] if waiting else None
            try:
                reply = gets(head is None or head.text)
            except Exception as error:
                raise _unreadable(error) from error
            if reply is _MORE:
                self._at_boundary = False
                if _BAD:
                    self._note_bad()
                return
            self._fed = 0
            if head is None or reply.__class__ in _SPECIAL or _BAD or self._odd:
                self._settle(head, reply)
            elif head.__class__ is Call:
                _ = waiting.popleft()
                if not head.done():
                    head.set_result(reply)
            elif head.take(reply):
                _ = waiting.popleft()
            if not has_data():
                self._at_boundary = True
                return

    def _settle(self, head: Call | None, reply: Any) -> None:
        """Take a whole value that is not simply the one reply that the head waits for."""
        if _BAD:
            self._note_bad()
        attribute, tainted = self._attribute, self._tainted
        self._attribute = self._tainted = False
        self._odd = self._pushes_as_arrays
        if attribute:
            return
        if reply.__class__ is PushNotification or (self._pushes_as_arrays and self._is_push(reply)):
            self._push(reply)
        elif head is None:
            raise ProtocolViolation("a reply came that no command waits for")
        else:
            if tainted:
                reply = DecodeFailed(NOT_TEXT, command=head.spec.name, address=self._address)
            elif reply.__class__ is ReplyError and head.__class__ is Call:
                reply = server_error(str(reply), command=head.spec.name, address=self._address)
            if head.take(reply):
                _ = self.waiting.popleft()

    def _note_bad(self) -> None:
        me = get_ident()
        if me in _BAD:
            _BAD.discard(me)
            self._tainted = self._odd = True

    def _is_push(self, reply: Any) -> bool:
        return reply.__class__ is list and bool(reply) and _kind(reply) in _SUBSCRIPTION_KINDS

    def _push(self, push: list[Any]) -> None:
        head = self.waiting[0] if self.waiting else None
        if not (isinstance(head, Change) and head.confirm(push)):
            self._on_push(push)


def _unreadable(error: Exception) -> ProtocolViolation:
    # A map with an unhashable key is a TypeError, an announced size beyond memory a MemoryError: in both cases the
    # reader cannot go on.
    why = str(error)[:200] if isinstance(error, ProtocolError) else f"unreadable reply ({type(error).__name__})"
    return ProtocolViolation(f"the server does not speak RESP here: {why}")


def _kind(push: list[Any]) -> bytes | None:
    return as_bytes(push[0]) if isinstance(push[0], str | bytes) else None
