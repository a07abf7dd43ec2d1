"""What a consumer gets, and how it was asked to work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, cast

from redpoll.arguments import no_collection, no_mapping
from redpoll.checks import encodable, timeout, whole
from redpoll.errors import UsageError
from redpoll.types import Key, Many, S, Value

_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class StreamEntry(Generic[S]):
    """An entry of a stream that a consumer is to handle.

    Attributes:
        stream: the stream's key.
        id: the entry's id.
        fields: its fields.
        deliveries: how often it was delivered so far, to any consumer of the group: 1 for a new one.
    """

    stream: S
    id: S
    fields: dict[S, S]
    deliveries: int
    _acknowledge: Callable[[], Awaitable[bool]] = field(repr=False, compare=False)

    async def ack(self) -> bool:
        """Say that the entry is handled: it will not be delivered again.

        Returns:
            False where it was not pending any more, as it was acknowledged already or the group is gone.
        """
        return await self._acknowledge()


class Delivered(NamedTuple):
    """An entry as it came from the server."""

    stream: bytes
    id: bytes
    fields: dict[bytes, bytes]
    deliveries: int

    @property
    def place(self) -> tuple[bytes, bytes]:
        """The stream and the id."""
        return self.stream, self.id


@dataclass(frozen=True, slots=True)
class Plan:
    """How a consumer works, checked; see ``Redis.consumer``. Times are in seconds."""

    streams: tuple[bytes, ...]
    group: Value
    name: Value
    start: Value
    count: int
    block: float
    min_idle: float
    claim_interval: float
    max_deliveries: int | None
    dead_letter: Key | None


def plan(
    streams: Key | Many[Key],
    group: Value,
    name: Value,
    *,
    start: Value,
    count: int,
    block: float,
    min_idle: float,
    claim_interval: float | None,
    max_deliveries: int | None,
    dead_letter: Key | None,
) -> Plan:
    """Check the options of a consumer.

    Raises:
        UsageError: one cannot be right.
    """
    if not no_mapping(streams):
        raise UsageError("streams are given by their keys; start= says where a new group begins")
    keys: list[Key] = [streams] if no_collection(streams) else list(streams)  # type: ignore[list-item, arg-type]  # so it is
    names = tuple(dict.fromkeys(_bytes(key) for key in keys))
    if not names:
        raise UsageError("a consumer needs at least one stream")
    if (max_deliveries is None) != (dead_letter is None):
        raise UsageError("max_deliveries and dead_letter go together: what is delivered so often must go somewhere")
    if dead_letter is not None and _bytes(dead_letter) in names:
        raise UsageError("dead_letter must not be one of the streams that are consumed")
    idle = timeout("min_idle", min_idle)
    return Plan(
        names,
        group,
        name,
        start,
        whole("count", count, 1, _MOST),
        timeout("block", block),
        idle,
        idle / 2 if claim_interval is None else timeout("claim_interval", claim_interval),
        None if max_deliveries is None else whole("max_deliveries", max_deliveries, 1, _MOST),
        dead_letter,
    )


def _bytes(key: object) -> bytes:
    if isinstance(key, str):
        encodable("streams", key)
        return key.encode()
    if isinstance(key, bytes | bytearray | memoryview):
        return bytes(cast("bytes", key))
    raise UsageError(f"a stream's key is str or bytes, not {type(key).__name__}")
