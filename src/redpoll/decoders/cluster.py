"""Replies of CLUSTER subcommands that are data, not text."""

from __future__ import annotations

from typing import Any

from redpoll.records.cluster import (
    ClusterLink,
    ClusterShard,
    MigrationTask,
    ShardNode,
    SlotMigration,
    SlotNode,
    SlotRange,
    SlotStats,
)

from .basic import extra_fields, record_fields, to_str
from .text import slot_ranges


def cluster_slots(reply: Any) -> list[SlotRange]:
    """CLUSTER SLOTS."""
    return [
        SlotRange(start, end, _slot_node(primary), [_slot_node(node) for node in replicas])
        for start, end, primary, *replicas in reply
    ]


def _slot_node(reply: Any) -> SlotNode:
    host = None if reply[0] is None else to_str(reply[0])
    node = to_str(reply[2]) if len(reply) > 2 else None
    metadata: dict[str, str] = extra_fields(record_fields(reply[3])) if len(reply) > 3 else {}
    return SlotNode(host, reply[1], node, metadata)


def cluster_shards(reply: Any) -> list[ClusterShard]:
    """CLUSTER SHARDS."""
    return [_shard(item) for item in reply]


def _shard(reply: Any) -> ClusterShard:
    data = record_fields(reply)
    edges = iter(data.pop("slots"))
    shard = data.pop("id", None)
    return ClusterShard(
        slots=[(int(start), int(end)) for start, end in zip(edges, edges, strict=True)],
        nodes=[_shard_node(item) for item in data.pop("nodes")],
        id=None if shard is None else to_str(shard),
        extra=extra_fields(data),
    )


def _shard_node(reply: Any) -> ShardNode:
    data = extra_fields(record_fields(reply))
    take = data.pop
    return ShardNode(
        id=take("id"),
        endpoint=take("endpoint"),
        ip=take("ip"),
        port=take("port", None),
        tls_port=take("tls-port", None),
        hostname=take("hostname", None) or None,
        role=take("role"),
        replication_offset=take("replication-offset"),
        health=take("health"),
        extra=data,
    )


def cluster_links(reply: Any) -> list[ClusterLink]:
    """CLUSTER LINKS."""
    return [_link(item) for item in reply]


def _link(reply: Any) -> ClusterLink:
    data = extra_fields(record_fields(reply))
    take = data.pop
    return ClusterLink(
        direction=take("direction"),
        node=take("node"),
        create_time=take("create-time"),
        events=take("events"),
        send_buffer_allocated=take("send-buffer-allocated"),
        send_buffer_used=take("send-buffer-used"),
        extra=data,
    )


def slot_stats(reply: Any) -> list[SlotStats]:
    """CLUSTER SLOT-STATS."""
    return [_slot_stats(slot, figures) for slot, figures in reply]


def _slot_stats(slot: int, figures: Any) -> SlotStats:
    data = extra_fields(record_fields(figures))
    take = data.pop
    return SlotStats(
        slot=slot,
        key_count=take("key-count", None),
        cpu_usec=take("cpu-usec", None),
        network_bytes_in=take("network-bytes-in", None),
        network_bytes_out=take("network-bytes-out", None),
        memory_bytes=take("memory-bytes", None),
        extra=data,
    )


def slot_migrations(reply: Any) -> list[SlotMigration]:
    """CLUSTER GETSLOTMIGRATIONS."""
    return [_slot_migration(item) for item in reply]


def _slot_migration(reply: Any) -> SlotMigration:
    data = extra_fields(record_fields(reply))
    take = data.pop
    return SlotMigration(
        name=take("name"),
        operation=take("operation"),
        slots=slot_ranges(take("slot_ranges")),
        source=take("source_node"),
        target=take("target_node"),
        state=take("state"),
        message=take("message"),
        create_time=take("create_time"),
        last_update_time=take("last_update_time"),
        extra=data,
    )


def migration_tasks(reply: Any) -> list[MigrationTask]:
    """CLUSTER MIGRATION with ``status``."""
    return [_migration_task(item) for item in reply]


def _migration_task(reply: Any) -> MigrationTask:
    data = extra_fields(record_fields(reply))
    take = data.pop
    return MigrationTask(
        id=take("id"),
        operation=take("operation"),
        slots=slot_ranges(take("slots")),
        source=take("source"),
        dest=take("dest"),
        state=take("state"),
        last_error=take("last_error"),
        retries=take("retries"),
        create_time=take("create_time"),
        start_time=take("start_time"),
        end_time=take("end_time"),
        write_pause=take("write_pause_ms"),
        extra=data,
    )
