"""What XINFO, XPENDING, XAUTOCLAIM and XREADGROUP with CLAIM tell of a stream and its groups, as records."""

from __future__ import annotations

from typing import Any

from redpoll.records.streams import (
    AutoClaim,
    AutoClaimIds,
    DeliveredEntry,
    PendingEntry,
    PendingSummary,
    StreamConsumer,
    StreamConsumerState,
    StreamGroup,
    StreamGroupState,
    StreamInfo,
    StreamState,
)
from redpoll.types import Text

from .basic import as_map, extra_fields, record_fields, twos
from .streams import claimed, entries


def xreadgroup_claim(reply: Any) -> dict[Text, list[DeliveredEntry[Text]]]:
    """XREADGROUP with ``claim``: entries with their idle time and deliveries, new ones with zeros."""
    if reply is None:
        return {}
    return {key: [_delivered(item) for item in found] for key, found in twos(reply)}


def _delivered(item: Any) -> DeliveredEntry[Text]:
    fields = None if item[1] is None else as_map(item[1])
    return DeliveredEntry(item[0], fields, *[int(number) for number in item[2:4]])


def xautoclaim(reply: Any) -> AutoClaim[Text]:
    """XAUTOCLAIM; servers before 7.0 do not tell the deleted ids."""
    return AutoClaim(reply[0], claimed(reply[1]), list(reply[2]) if len(reply) > 2 else [])


def xautoclaim_ids(reply: Any) -> AutoClaimIds[Text]:
    """XAUTOCLAIM with ``justid``."""
    return AutoClaimIds(reply[0], list(reply[1]), list(reply[2]) if len(reply) > 2 else [])


def xpending(reply: Any) -> PendingSummary[Text]:
    """XPENDING without a range. The counts by consumer come as text on both protocols."""
    count, first, last, consumers = reply
    return PendingSummary(count, first, last, {name: int(number) for name, number in consumers or ()})


def xpending_range(reply: Any) -> list[PendingEntry[Text]]:
    """XPENDING with a range."""
    return [PendingEntry(id_, consumer, idle, deliveries) for id_, consumer, idle, deliveries in reply]


def _entry(item: Any) -> tuple[Text, dict[Text, Text]] | None:
    return None if item is None else (item[0], as_map(item[1]))


def xinfo_stream(reply: Any) -> StreamInfo[Text]:
    """XINFO STREAM."""
    data = record_fields(reply)
    take = data.pop
    return StreamInfo(
        length=take("length"),
        radix_tree_keys=take("radix-tree-keys"),
        radix_tree_nodes=take("radix-tree-nodes"),
        groups=take("groups"),
        last_generated_id=take("last-generated-id"),
        first_entry=_entry(take("first-entry")),
        last_entry=_entry(take("last-entry")),
        max_deleted_entry_id=take("max-deleted-entry-id", None),
        entries_added=take("entries-added", None),
        recorded_first_entry_id=take("recorded-first-entry-id", None),
        extra=extra_fields(data),
    )


def xinfo_stream_full(reply: Any) -> StreamState[Text]:
    """XINFO STREAM with ``full``."""
    data = record_fields(reply)
    take = data.pop
    return StreamState(
        length=take("length"),
        radix_tree_keys=take("radix-tree-keys"),
        radix_tree_nodes=take("radix-tree-nodes"),
        last_generated_id=take("last-generated-id"),
        entries=entries(take("entries")),
        groups=[_group_state(item) for item in take("groups")],
        max_deleted_entry_id=take("max-deleted-entry-id", None),
        entries_added=take("entries-added", None),
        recorded_first_entry_id=take("recorded-first-entry-id", None),
        extra=extra_fields(data),
    )


def _group_state(reply: Any) -> StreamGroupState[Text]:
    data = record_fields(reply)
    take = data.pop
    pending: list[tuple[Text, Text, int, int]] = [(i, who, at, n) for i, who, at, n in take("pending")]
    return StreamGroupState(
        name=take("name"),
        last_delivered_id=take("last-delivered-id"),
        entries_read=take("entries-read", None),
        lag=take("lag", None),
        pel_count=take("pel-count"),
        pending=pending,
        consumers=[_consumer_state(item) for item in take("consumers")],
        extra=extra_fields(data),
    )


def _consumer_state(reply: Any) -> StreamConsumerState[Text]:
    data = record_fields(reply)
    take = data.pop
    pending: list[tuple[Text, int, int]] = [(i, at, n) for i, at, n in take("pending")]
    active = take("active-time", None)
    return StreamConsumerState(
        name=take("name"),
        seen_time=take("seen-time"),
        active_time=None if active == -1 else active,
        pel_count=take("pel-count"),
        pending=pending,
        extra=extra_fields(data),
    )


def xinfo_groups(reply: Any) -> list[StreamGroup[Text]]:
    """XINFO GROUPS."""
    return [_group(item) for item in reply]


def _group(reply: Any) -> StreamGroup[Text]:
    data = record_fields(reply)
    take = data.pop
    return StreamGroup(
        name=take("name"),
        consumers=take("consumers"),
        pending=take("pending"),
        last_delivered_id=take("last-delivered-id"),
        entries_read=take("entries-read", None),
        lag=take("lag", None),
        extra=extra_fields(data),
    )


def xinfo_consumers(reply: Any) -> list[StreamConsumer[Text]]:
    """XINFO CONSUMERS."""
    return [_consumer(item) for item in reply]


def _consumer(reply: Any) -> StreamConsumer[Text]:
    data = record_fields(reply)
    take = data.pop
    inactive = take("inactive", None)
    return StreamConsumer(
        name=take("name"),
        pending=take("pending"),
        idle=take("idle"),
        inactive=None if inactive == -1 else inactive,
        extra=extra_fields(data),
    )
