"""What waits for replies: one object a call, beside the future that its caller awaits.

There are these kinds. A ``Call`` takes one reply. A ``Group`` takes n replies as one whole: a pipeline's chunk. A
``Transaction`` is such a group from MULTI to EXEC, and a ``Probe`` the one that proves that these work. A ``Change`` of
subscriptions takes the pushes that confirm it, or an error in their place, and ends on the reply of the PING that was
sent right behind it. A ``Feed`` takes every reply from its own on: MONITOR's.

Cancelling the future abandons the call: where it was given to a connection its replies are still read, and dropped. The
future is asyncio's own class, not one derived from it: a task resumes from that one alone without a detour, which is
worth more than the second object costs.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from typing import Any, Final

from hiredis import ReplyError
from typing_extensions import override

from redpoll.errors import RedisError, server_error
from redpoll.spec import Spec

NOT_TEXT: Final = "the reply is not UTF-8 text; read it through the client's `binary` view"


class Call:
    """One command that waits for its one reply. Its owner sets the fields right after making it; see ``fill``.

    Attributes:
        future: what its caller awaits.
        spec: the command's facts.
        payload: its bytes, kept until it is answered so that it can be sent again.
        text: whether the next reply is read as str.
        replay: running it twice does no harm.
        deadline: when it must have ended, by ``time.monotonic``.
        timeout: seconds it was allowed; None for no limit.
        given: how many times it was given to a connection and may have run.
        batch: the batch it is a piece of, or None.
    """

    __slots__ = ("batch", "deadline", "future", "given", "payload", "replay", "spec", "text", "timeout")

    future: Future[Any]
    spec: Spec[Any]
    payload: bytes
    text: bool
    replay: bool
    deadline: float
    timeout: float | None
    given: int
    batch: object | None

    def fill(
        self, loop: AbstractEventLoop, spec: Spec[Any], payload: bytes, *, text: bool = True, replay: bool = False
    ) -> None:
        """Set the fields of a call without a time limit. The hot path sets them itself."""
        self.future = loop.create_future()
        self.spec, self.payload, self.text, self.replay = spec, payload, text, replay
        self.given, self.batch, self.timeout, self.deadline = 0, None, None, 0.0

    def done(self) -> bool:
        """Whether it has ended, or was abandoned."""
        return self.future.done()

    def take(self, reply: Any) -> bool:
        """Take the reply, or an error in its place; return True as that ends it."""
        if not self.future.done():
            if isinstance(reply, RedisError):
                self.future.set_exception(reply)
            else:
                self.future.set_result(reply)
        return True

    def again(self) -> None:
        """Make ready for being sent anew, as its connection was lost."""

    @property
    def weight(self) -> int:
        """How many commands it is."""
        return 1


class Group(Call):
    """Commands that wait for their n replies as one whole. Its result is the list of them.

    A command's error is in the list as hiredis' ``ReplyError``, text that is none as ``DecodeFailed``.

    Attributes:
        texts: for each reply whether it is read as str.
        replies: what was received so far; it stays true when the rest is lost.
        sizes: for each command its bytes in the payload; None where the group can only be sent again as a whole.
        counted: how many commands beside the first it was counted as when it was given to a connection.
        judge: asked once all replies are there; True if it takes care of the group, which then does not end now.
    """

    __slots__ = ("_kept", "counted", "judge", "replies", "sizes", "texts")

    text: bool
    payload: bytes
    texts: list[bool]
    replies: list[Any]
    sizes: Sequence[int] | None
    counted: int
    judge: Callable[[Group], bool] | None

    def fill_group(self, texts: list[bool], sizes: Sequence[int] | None = None) -> None:
        """Set the fields that a group has beside a call's."""
        self.texts, self.sizes, self.counted, self.judge = texts, sizes, 0, None
        self._kept: list[Any] = []
        self.keep(0)

    @override
    def take(self, reply: Any) -> bool:
        """Take the next reply; return whether it was the last."""
        replies = self.replies
        replies.append(reply)
        count = len(replies)
        if count < len(self.texts):
            self.text = self.texts[count]
            return False
        if not self.future.done() and (self.judge is None or not self.judge(self)):
            self.future.set_result(replies)
        return True

    @override
    def again(self) -> None:
        """Make ready for being sent anew, without the commands that were answered where these can be left out."""
        count = len(self.replies) if self.sizes is not None else 0
        # Refusals at the end are not kept: what was refused may go out again together with what follows.
        while count > len(self._kept) and self.replies[count - 1].__class__ is ReplyError:
            count -= 1
        self.keep(count)

    def keep(self, count: int) -> None:
        """Keep the first replies, not fewer than before: only the commands behind them are sent anew."""
        already = len(self._kept)
        if count > already:
            assert self.sizes is not None
            self._kept = self.replies[:count]
            self.payload = self.payload[sum(self.sizes[already:count]) :]
        self.replies = self._kept.copy()
        self.text = self.texts[len(self.replies)]

    @property
    @override
    def weight(self) -> int:
        """How many commands wait for their replies."""
        return len(self.texts) - len(self._kept)

    def applied(self) -> bool:
        """Whether any of it is known to have run."""
        return any(reply.__class__ is not ReplyError for reply in self.replies)


class Probe(Group):
    """Proves that MULTI, EXEC and DISCARD work on a connection. Nothing else is written there until it is answered."""

    __slots__ = ()


class Transaction(Group):
    """MULTI, commands and EXEC. It goes out once, whole, and only where a ``Probe`` has succeeded.

    All but the last reply are those of queuing. The last one is EXEC's, always read as bytes: which of its elements are
    text is each command's own business.
    """

    __slots__ = ()

    text: bool

    @override
    def take(self, reply: Any) -> bool:
        """Take the next reply; return whether it was the last. The judge is asked though nobody waits any more."""
        replies = self.replies
        replies.append(reply)
        count = len(replies)
        if count < len(self.texts):
            self.text = self.texts[count]
            return False
        if self.judge is not None:
            self.judge(self)
        if not self.future.done():
            self.future.set_result(replies)
        return True

    @override
    def applied(self) -> bool:
        """Whether EXEC ran the commands."""
        return bool(self.replies) and self.replies[-1].__class__ is list


class Change(Call):
    """A change of subscriptions, followed by a PING. Its result is the list of the confirmations.

    An error before any confirmation is the change's own; whatever else comes as a reply is the PING's, an error too.

    Attributes:
        kind: the confirmations' first word, such as ``b"subscribe"``.
        confirmed: the confirmations so far: name (bytes or None) and how many subscriptions there are now.
        refused: the change's own error.
    """

    __slots__ = ("confirmed", "kind", "refused")

    kind: bytes
    confirmed: list[tuple[bytes | None, int]]
    refused: ReplyError | None

    def confirm(self, push: list[Any]) -> bool:
        """Take a push that confirms this change; return False where it does not."""
        if len(push) != 3 or as_bytes(push[0]) != self.kind:
            return False
        self.confirmed.append((None if push[1] is None else as_bytes(push[1]), push[2]))
        return True

    @override
    def take(self, reply: Any) -> bool:
        """Take a reply: the change's error, or the PING's reply, which ends it."""
        if reply.__class__ is ReplyError and not self.confirmed and self.refused is None:
            self.refused = reply
            return False
        if not self.future.done():
            self.future.set_result(self.confirmed if self.refused is None else self.refused)
        return True

    @override
    def again(self) -> None:
        """Forget what was confirmed, as the change is sent anew."""
        self.confirmed = []
        self.refused = None


class Feed(Call):
    """A command whose replies do not end. It ends with an error, or with its connection.

    Attributes:
        on_reply: gets each reply behind the first one, an error as hiredis' ``ReplyError``.
    """

    __slots__ = ("_started", "on_reply")

    on_reply: Callable[[Any], None]

    def fill_feed(self, on_reply: Callable[[Any], None]) -> None:
        """Set the fields that a feed has beside a call's."""
        self.on_reply = on_reply
        self._started = False

    @override
    def take(self, reply: Any) -> bool:
        """Take a reply; True where the command itself was refused."""
        if self._started:
            self.on_reply(reply)
            return False
        if reply.__class__ is ReplyError:
            reply = server_error(str(reply), command=self.spec.name)
        if isinstance(reply, RedisError):
            return super().take(reply)
        self._started = True
        return False


def as_bytes(word: Any) -> bytes:
    """Return a push's text as the bytes that were received, whatever it was read as."""
    return word.encode("utf-8", "surrogateescape") if isinstance(word, str) else bytes(word)


def as_text(word: Any) -> str:
    """Return a push's text as str; bytes that are not UTF-8 become lone surrogates."""
    return word if isinstance(word, str) else bytes(word).decode("utf-8", "surrogateescape")
