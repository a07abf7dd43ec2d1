"""What the stream commands answer. Ids, fields, groups and consumers are the client's ``S``; times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from redpoll.types import S


@dataclass(frozen=True, slots=True)
class DeliveredEntry(Generic[S]):
    """An entry that XREADGROUP delivered with ``claim``.

    Attributes:
        id: the entry's id.
        fields: its fields; None where it was deleted meanwhile.
        idle: milliseconds since it was last delivered to anyone; 0 for a new one.
        deliveries: how often it had been delivered before; 0 for a new one.
    """

    id: S
    fields: dict[S, S] | None
    idle: int = 0
    deliveries: int = 0


@dataclass(frozen=True, slots=True)
class AutoClaim(Generic[S]):
    """One step of XAUTOCLAIM.

    Attributes:
        cursor: the id to go on from; ``0-0`` at the end.
        entries: the claimed entries.
        deleted: ids that were pending but no longer exist; they left the pending list.
    """

    cursor: S
    entries: list[tuple[S, dict[S, S]]]
    deleted: list[S]


@dataclass(frozen=True, slots=True)
class AutoClaimIds(Generic[S]):
    """One step of XAUTOCLAIM with ``justid``; the fields mean what they mean in ``AutoClaim``."""

    cursor: S
    ids: list[S]
    deleted: list[S]


@dataclass(frozen=True, slots=True)
class PendingSummary(Generic[S]):
    """The pending entries of a group.

    Attributes:
        count: how many there are.
        first: the lowest pending id; None where there is none.
        last: the highest.
        consumers: pending entries by consumer.
    """

    count: int
    first: S | None
    last: S | None
    consumers: dict[S, int]


@dataclass(frozen=True, slots=True)
class PendingEntry(Generic[S]):
    """One pending entry.

    Attributes:
        id: the entry's id.
        consumer: who has it.
        idle: milliseconds since its last delivery.
        deliveries: how often it was delivered.
    """

    id: S
    consumer: S
    idle: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class StreamInfo(Generic[S]):
    """A stream, as XINFO STREAM tells it.

    Attributes:
        length: entries in it.
        radix_tree_keys: nodes of entries in its radix tree.
        radix_tree_nodes: all nodes of its radix tree.
        groups: consumer groups.
        last_generated_id: the last id it gave.
        max_deleted_entry_id: the highest id that was deleted; ``0-0`` where none was. None before 7.0.
        entries_added: entries ever added. None before 7.0.
        recorded_first_entry_id: the lowest id in it. None before 7.0.
        first_entry: its first entry; None where it is empty.
        last_entry: its last entry.
        extra: what a newer server adds.
    """

    length: int
    radix_tree_keys: int
    radix_tree_nodes: int
    groups: int
    last_generated_id: S
    first_entry: tuple[S, dict[S, S]] | None
    last_entry: tuple[S, dict[S, S]] | None
    max_deleted_entry_id: S | None = None
    entries_added: int | None = None
    recorded_first_entry_id: S | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StreamConsumerState(Generic[S]):
    """A consumer inside ``StreamGroupState``.

    Attributes:
        name: the consumer.
        seen_time: when it last tried, Unix milliseconds.
        active_time: when it last got something, Unix milliseconds; None before 7.2 or where it never did.
        pel_count: how many entries are pending for it.
        pending: of these, up to the asked count: id, delivery time (Unix milliseconds), deliveries.
        extra: what a newer server adds.
    """

    name: S
    seen_time: int
    active_time: int | None
    pel_count: int
    pending: list[tuple[S, int, int]]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StreamGroupState(Generic[S]):
    """A group inside ``StreamState``.

    Attributes:
        name: the group.
        last_delivered_id: the last id delivered to any of its consumers.
        entries_read: how many entries it has read; None where the server cannot tell.
        lag: entries that it has not read yet; None where the server cannot tell.
        pel_count: how many entries are pending in it.
        pending: of these, up to the asked count: id, consumer, delivery time (Unix milliseconds), deliveries.
        consumers: its consumers.
        extra: what a newer server adds.
    """

    name: S
    last_delivered_id: S
    entries_read: int | None
    lag: int | None
    pel_count: int
    pending: list[tuple[S, S, int, int]]
    consumers: list[StreamConsumerState[S]]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StreamState(Generic[S]):
    """A stream with its entries, groups and consumers, as XINFO STREAM tells it with ``full``.

    The fields that ``StreamInfo`` has too mean the same.

    Attributes:
        entries: the first entries, up to the asked count.
        groups: its groups.
        extra: what a newer server adds.
    """

    length: int
    radix_tree_keys: int
    radix_tree_nodes: int
    last_generated_id: S
    entries: list[tuple[S, dict[S, S]]]
    groups: list[StreamGroupState[S]]
    max_deleted_entry_id: S | None = None
    entries_added: int | None = None
    recorded_first_entry_id: S | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StreamGroup(Generic[S]):
    """A consumer group, as XINFO GROUPS tells it.

    Attributes:
        name: the group.
        consumers: how many consumers it has.
        pending: how many entries are pending in it.
        last_delivered_id: the last id delivered to any of its consumers.
        entries_read: how many entries it has read; None where the server cannot tell.
        lag: entries that it has not read yet; None where the server cannot tell.
        extra: what a newer server adds.
    """

    name: S
    consumers: int
    pending: int
    last_delivered_id: S
    entries_read: int | None = None
    lag: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StreamConsumer(Generic[S]):
    """A consumer, as XINFO CONSUMERS tells it.

    Attributes:
        name: the consumer.
        pending: how many entries are pending for it.
        idle: milliseconds since it last tried.
        inactive: milliseconds since it last got something; None before 7.2 or where it never did.
        extra: what a newer server adds.
    """

    name: S
    pending: int
    idle: int
    inactive: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
