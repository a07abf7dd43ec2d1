"""What waits for replies: one object a call, which is also the future that its caller awaits.

There are three kinds. A ``Call`` takes one reply. A ``Group`` takes n replies as one whole: a pipeline's chunk. A
``Change`` of subscriptions takes the pushes that confirm it, or an error in their place, and ends on the reply of the
PING that was sent right behind it.

Cancelling a call abandons it: where it was given to a connection its replies are still read, and dropped.
"""

from __future__ import annotations

from asyncio import Future
from typing import Any, Final

from hiredis import ReplyError
from typing_extensions import override

from redpoll.errors import RedisError
from redpoll.spec import Spec

NOT_TEXT: Final = "the reply is not UTF-8 text; read it through the client's `binary` view"


class Call(Future[Any]):
    """One command that waits for its one reply. Its owner sets the fields right after making it.

    Attributes:
        spec: the command's facts.
        payload: its bytes, kept until it is answered so that it can be sent again.
        text: whether the next reply is read as str.
        replay: running it twice does no harm.
        deadline: when it must have ended, by ``time.monotonic``.
        timeout: seconds it was allowed; None for no limit.
        given: how many times it was given to a connection.
        batch: the batch it is a piece of, or None.
    """

    __slots__ = ("batch", "deadline", "given", "payload", "replay", "spec", "text", "timeout")

    spec: Spec[Any]
    payload: bytes
    text: bool
    replay: bool
    deadline: float
    timeout: float | None
    given: int
    batch: object | None

    def take(self, reply: Any) -> bool:
        """Take the reply, or an error in its place; return True as that ends it."""
        if not self.done():
            if isinstance(reply, RedisError):
                self.set_exception(reply)
            else:
                self.set_result(reply)
        return True

    def again(self) -> None:
        """Forget what was received, as the call is sent anew."""


class Group(Call):
    """Commands that wait for their n replies as one whole. Its result is the list of them.

    A command's error is in the list as hiredis' ``ReplyError``, text that is none as ``DecodeFailed``.

    Attributes:
        texts: for each reply whether it is read as str.
        replies: what was received so far.
    """

    __slots__ = ("replies", "texts")

    texts: list[bool]
    replies: list[Any]

    @override
    def take(self, reply: Any) -> bool:
        """Take the next reply; return whether it was the last."""
        replies = self.replies
        replies.append(reply)
        count = len(replies)
        if count < len(self.texts):
            self.text = self.texts[count]
            return False
        if not self.done():
            self.set_result(replies)
        return True

    @override
    def again(self) -> None:
        """Forget what was received, as the group is sent anew."""
        self.replies = []
        self.text = self.texts[0]


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
        if not self.done():
            self.set_result(self.confirmed if self.refused is None else self.refused)
        return True

    @override
    def again(self) -> None:
        """Forget what was received, as the change is sent anew."""
        self.confirmed = []
        self.refused = None


def as_bytes(word: Any) -> bytes:
    """Return a push's text as the bytes that were received, whatever it was read as."""
    return word.encode("utf-8", "surrogateescape") if isinstance(word, str) else bytes(word)


def as_text(word: Any) -> str:
    """Return a push's text as str; bytes that are not UTF-8 become lone surrogates."""
    return word if isinstance(word, str) else bytes(word).decode("utf-8", "surrogateescape")
