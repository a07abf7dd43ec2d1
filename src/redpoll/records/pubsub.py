"""What a subscription gives: messages, the gaps between them, and the events of the server's own keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeAlias

from redpoll.types import S

MessageKind: TypeAlias = Literal["message", "pmessage", "smessage"]
"""How a message came: by its channel's name, by a pattern, or on a shard channel."""


class Message(NamedTuple, Generic[S]):
    """One message. A tuple, as it is made for each one: that takes a quarter of a frozen dataclass's time.

    Attributes:
        channel: where it was published.
        data: what was published.
        pattern: the pattern of the subscription that it came by; None for the others.
        kind: ``"message"``, ``"pmessage"`` or ``"smessage"``.
    """

    channel: S
    data: S
    pattern: S | None = None
    kind: MessageKind = "message"


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages may have been lost between the one before and the one after.

    Attributes:
        cause: ``"connection"``: it was lost; all channels are subscribed again by now, so that what is read from the
            server after this misses nothing. ``"overflow"``: the subscriber was too slow.
        missed: how many messages; None where that is not known.
        reason: what happened, in words.
    """

    cause: Literal["connection", "overflow"]
    missed: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class KeyEvent(Generic[S]):
    """Something that happened to a key, as the server's keyspace notifications tell it.

    Attributes:
        key: the key.
        event: what happened, such as ``"set"``, ``"del"`` or ``"expired"``.
        db: number of the database.
    """

    key: S
    event: str
    db: int

    @classmethod
    def of(cls, message: Message[S]) -> KeyEvent[S] | None:
        """Read a message as a key's event; None where it is none."""
        name, found, rest = _split(message.channel)
        kind, at, number = name.rpartition("@")
        if not found or not at or not number.isdigit():
            return None
        if kind == "__keyspace":
            return KeyEvent(rest, _text(message.data), int(number))
        return KeyEvent(message.data, _text(rest), int(number)) if kind == "__keyevent" else None


def keyspace(keys: str = "*", *, db: int | Literal["*"] = 0) -> str:
    """Return the pattern of what happens to some keys: ``r.subscribe(patterns=[keyspace("user:*")])``.

    The server tells it where its option ``notify-keyspace-events`` has ``K`` and the classes of events.

    Args:
        keys: glob-style pattern of keys.
        db: number of the database, or ``"*"`` for all of them.
    """
    return f"__keyspace@{db}__:{keys}"


def keyevent(event: str = "*", *, db: int | Literal["*"] = 0) -> str:
    """Return the pattern of the keys that something happens to: ``r.subscribe(patterns=[keyevent("expired")])``.

    The server tells it where its option ``notify-keyspace-events`` has ``E`` and the classes of events.

    Args:
        event: what happens, such as ``"expired"`` or ``"del"``.
        db: number of the database, or ``"*"`` for all of them.
    """
    return f"__keyevent@{db}__:{event}"


def _split(channel: str | bytes) -> tuple[str, bool, Any]:
    # There is no partition of `str | bytes`, so each is named.
    if isinstance(channel, bytes):
        raw, found, rest = channel.partition(b"__:")
        return raw.decode("utf-8", "replace"), bool(found), rest
    return channel.partition("__:")[0], "__:" in channel, channel.partition("__:")[2]


def _text(word: str | bytes) -> str:
    return word if isinstance(word, str) else word.decode("utf-8", "replace")
