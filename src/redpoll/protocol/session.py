"""One connection's replies in step: bytes in, each reply to the call that waits for it. No I/O, no clock.

Replies come in the order of their commands, so the calls stand in one FIFO and its head owns the next reply. Three
things on the wire are no replies, and each would shift every later one if it were taken for one:

Pushes. hiredis gives them a type of their own. They go to ``on_push``, or to the subscription change they confirm. On
RESP2 they are ordinary arrays, so a session that serves subscriptions there tells them by their first word.

Attributes. hiredis gives them as an ordinary list in front of the reply they belong to. They begin with ``|``, and that
byte means an attribute only where a whole value has just ended. So a chunk that has it at its start or after a line
end is fed in pieces, each beginning with such a byte: if the reader stands between two values just before the piece,
its first value is an attribute and dropped; if it stands within a value, the byte is payload.

Sizes are believed by hiredis: of an announced array of two thousand million elements it makes the list at once, and
letting go of that takes seconds. So a header of an absurd size must not reach the reader. What looks like one may be
payload as well, so the bytes before it are fed first: the reader has then taken them all exactly if it wants a header.

Text that is not UTF-8. A strict reader would raise without telling whether a push or a reply was lost. So a handler of
our own decodes such bytes reversibly and takes a note of it; the value is then judged with its type known.
"""

from __future__ import annotations

import codecs
import re
from asyncio import InvalidStateError
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final

from hiredis import ProtocolError, PushNotification, Reader, ReplyError

from redpoll.errors import DecodeFailed, ProtocolViolation, ServerError, server_error

from .calls import NOT_TEXT, Call, Change, Group, as_bytes

MAX_LINE: Final = 64 << 10
"""The longest first line, in bytes, that may come in without its end."""

_FIRST_ANNOUNCED: Final = re.compile(rb"[*%~>|]([1-9][0-9]{6,})(?=\r)")
_ANNOUNCED: Final = re.compile(rb"\n[*%~>|]([1-9][0-9]{6,})(?=\r)")  # its plain first byte makes the search fast
_OPEN_HEADER: Final = re.compile(rb"(?:\n|\A)([*%~>|][0-9]{0,24}\r?)\Z")
_SHORTEST: Final = 9  # bytes of the shortest header that announces ten million elements
_BULK: Final = re.compile(rb"[$=!]([1-9][0-9]{3,})\r")
_LEAST_ELEMENT: Final = 3  # bytes

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
        extra: how many more commands these are than calls.
        on_error: gets each single call that the server answers with an error, and the error; True if it takes care of
            the call, which then does not end now.
    """

    __slots__ = (
        "_address",
        "_at_boundary",
        "_attribute",
        "_broken",
        "_fed",
        "_gets",
        "_has_data",
        "_held",
        "_line_open",
        "_max_bytes",
        "_most",
        "_odd",
        "_on_push",
        "_pushes_as_arrays",
        "_reader",
        "_tainted",
        "_text",
        "extra",
        "on_error",
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
        self.extra: int = 0
        self.on_error: Callable[[Call, ServerError], bool] | None = None
        self._address = address
        self._on_push = on_push
        self._max_bytes = max_reply_bytes
        self._most = max_reply_bytes // _LEAST_ELEMENT  # elements of an aggregate
        self._held = b""  # the beginning of a header, until all of it is there
        self._pushes_as_arrays = pushes_as_arrays
        self._text = True  # pushes are read as str, where no call is waiting
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
        if self._broken or not data:
            return
        self._fed += len(data)
        fresh = self._at_boundary
        try:
            if self._held or data[-1] != 10:
                data = self._hold_header(data)
                if not data:
                    return
            if b"|" in data or (
                len(data) > _SHORTEST and (b"*" in data or b"%" in data or b"~" in data or b">" in data)
            ):
                self._feed_checked(data)
            else:
                self._reader.feed(data)
                self._drain()
            if not self._at_boundary:
                self._check_limits(data, fresh)
        except ProtocolViolation:
            self._broken = True
            raise

    def subscribe(self, on_push: Callable[[list[Any]], None], *, as_arrays: bool) -> None:
        """Serve subscriptions from now on: their messages are pushes, read as bytes where no call is waiting.

        Args:
            on_push: gets each push instead of the function before.
            as_arrays: the connection speaks RESP2.
        """
        self._on_push = on_push
        self._text = False
        self._pushes_as_arrays = as_arrays
        self._odd |= as_arrays

    def give(self, call: Call) -> None:
        """Let a call wait for its replies: its bytes go to the connection now."""
        self.waiting.append(call)
        if isinstance(call, Group):
            call.counted = call.weight - 1
            self.extra += call.counted

    def lost(self) -> list[Call]:
        """End the session; return the calls that wait, oldest first, without those that were abandoned."""
        self._broken = True
        pending = [call for call in self.waiting if not call.done()]
        self.waiting.clear()
        self.extra = 0
        return pending

    def _check_limits(self, data: bytes, fresh: bool) -> None:
        if fresh or self._line_open:
            self._line_open = b"\n" not in data
        if self._line_open and self._fed > MAX_LINE:
            raise ProtocolViolation(f"the server does not speak RESP here: a line is longer than {MAX_LINE} bytes")
        announced = _BULK.match(data) if fresh else None
        if self._fed > self._max_bytes or (announced is not None and int(announced[1][:20]) > self._max_bytes):
            raise ProtocolViolation(f"a reply is longer than {self._max_bytes} bytes (option max_reply_bytes)")

    def _hold_header(self, data: bytes) -> bytes:
        """Keep back the beginning of a header, so that headers come whole; return what is to be fed."""
        data = self._held + data
        found = _OPEN_HEADER.search(data, max(0, len(data) - 32))
        if found is None or (found.start() > 0 and data[found.start()] != 10):
            self._held = b""
            return data
        self._held = found[1]
        return data[: found.start(1)]

    def _feed_checked(self, data: bytes) -> None:
        start = 0
        first = _FIRST_ANNOUNCED.match(data)
        for found in (*(() if first is None else (first,)), *_ANNOUNCED.finditer(data)):
            count = int(found[1][:20])
            if count <= self._most:
                continue
            at = found.start(1) - 1
            if at > start:
                self._feed_marked(data[start:at])
            start = at
            if not self._has_data():
                size = f"{count} elements need more than {self._max_bytes} bytes (option max_reply_bytes)"
                raise ProtocolViolation(f"a reply is too long: {size}")
        self._feed_marked(data[start:] if start else data)

    def _feed_marked(self, data: bytes) -> None:
        if b"|" not in data:
            self._reader.feed(data)
            self._drain()
            return
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
        if not self._text and self._drain_pushes():
            return
        waiting, gets, has_data = self.waiting, self._gets, self._has_data
        while True:
            head = waiting[0] if waiting else None
            try:
                reply = gets(self._text if head is None else head.text)
            except Exception as error:
                raise _unreadable(error) from error
            if reply is _MORE:
                self._at_boundary = False
                self._note_bad()
                return
            self._fed = 0
            if head is None or reply.__class__ in _SPECIAL or _BAD or self._odd:
                self._settle(head, reply)
            elif head.__class__ is Call:
                _ = waiting.popleft()
                try:  # noqa: SIM105  (a context manager would cost more than all of this)
                    head.future.set_result(reply)
                except InvalidStateError:
                    pass  # it was abandoned
            else:
                self._take(head, reply)
            if not has_data():
                self._at_boundary = True
                return

    def _take(self, head: Call, reply: Any) -> None:
        if head.take(reply):
            self._leave(head)
        elif isinstance(head, Group):
            self._take_run(head)

    def _take_run(self, group: Group) -> None:
        """Take the replies of a group that are there, but for its last one: the same as ``_drain``, in half the time."""
        gets, has_data, texts, replies = self._gets, self._has_data, group.texts, group.replies
        at, last = len(replies), len(texts) - 1
        while at < last and has_data():
            try:
                reply = gets(texts[at])
            except Exception as error:
                raise _unreadable(error) from error
            if reply is _MORE:
                break
            if reply.__class__ in _SPECIAL or _BAD:
                self._settle(group, reply)
                at = len(replies)
            else:
                replies.append(reply)
                at += 1
        group.text = texts[at]

    def _drain_pushes(self) -> bool:
        """Take messages as long as no call waits; return whether there are no more bytes."""
        waiting, gets, has_data = self.waiting, self._gets, self._has_data
        while not waiting:
            try:
                push = gets(False)
            except Exception as error:
                raise _unreadable(error) from error
            if push is _MORE:
                self._at_boundary = False
                return True
            self._fed = 0
            if push.__class__ is PushNotification and not self._odd:
                self._on_push(push)
            else:
                self._settle(None, push)
            if not has_data():
                self._at_boundary = True
                return True
        return False

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
                if self._spared(head, reply):
                    return
            if head.take(reply):
                self._leave(head)

    def _leave(self, head: Call) -> None:
        _ = self.waiting.popleft()
        if isinstance(head, Group):
            self.extra -= head.counted

    def _spared(self, head: Call, error: ServerError) -> bool:
        if self.on_error is None or head.done() or not self.on_error(head, error):
            return False
        _ = self.waiting.popleft()
        return True

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
