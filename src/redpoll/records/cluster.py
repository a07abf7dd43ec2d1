"""What a cluster tells of its nodes and slots. Slots are 0 to 16383; ranges include both ends; all text is ``str``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """CLUSTER INFO.

    Attributes:
        state: ``"ok"`` or ``"fail"``.
        slots_assigned: slots that belong to a node.
        slots_ok: slots whose node works.
        slots_pfail: slots whose node may have failed.
        slots_fail: slots whose node has failed.
        known_nodes: nodes, in handshake too.
        size: primaries that serve slots.
        current_epoch: the cluster's epoch.
        my_epoch: this node's epoch.
        messages_sent: messages sent over the bus.
        messages_received: messages received over it.
        extra: every other value, by the server's name.
    """

    state: str
    slots_assigned: int
    slots_ok: int
    slots_pfail: int
    slots_fail: int
    known_nodes: int
    size: int
    current_epoch: int
    my_epoch: int
    messages_sent: int
    messages_received: int
    extra: dict[str, int | str] = field(default_factory=dict[str, "int | str"])


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One line of CLUSTER NODES.

    Attributes:
        id: the node's id.
        host: its address; empty where the node does not know its own.
        port: its port.
        bus_port: the cluster bus's port; None where it is not told.
        hostname: the name it announces; empty without one.
        flags: ``myself``, ``master`` or ``slave``, ``fail?``, ``fail``, ``handshake``, ``noaddr``, ``nofailover``.
        primary_id: the primary of a replica; None on a primary.
        ping_sent: when the pending ping was sent, Unix milliseconds; 0 without one.
        pong_received: when the last pong came, Unix milliseconds.
        config_epoch: the node's epoch.
        link_state: ``"connected"`` or ``"disconnected"``.
        slots: the ranges it serves.
        migrating: slots that leave it, and the id of the node they go to.
        importing: slots that come to it, and the id of the node they come from.
        extra: further named values of its address (``shard-id`` …).
    """

    id: str
    host: str
    port: int
    bus_port: int | None
    hostname: str
    flags: list[str]
    primary_id: str | None
    ping_sent: int
    pong_received: int
    config_epoch: int
    link_state: str
    slots: list[tuple[int, int]]
    migrating: dict[int, str]
    importing: dict[int, str]
    extra: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_primary(self) -> bool:
        """Whether the node is a primary."""
        return "master" in self.flags

    @property
    def is_myself(self) -> bool:
        """Whether it is the node that answered."""
        return "myself" in self.flags


@dataclass(frozen=True, slots=True)
class SlotNode:
    """A node inside ``SlotRange``.

    Attributes:
        host: its preferred address; None means the address that was asked, empty that it is not known.
        port: its port.
        id: its id; None before 4.0.
        metadata: further addresses: ``ip``, ``hostname`` …
    """

    host: str | None
    port: int
    id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class SlotRange:
    """One range of CLUSTER SLOTS.

    Attributes:
        start: its first slot.
        end: its last slot.
        primary: who serves it.
        replicas: who may serve reads of it.
    """

    start: int
    end: int
    primary: SlotNode
    replicas: list[SlotNode]


@dataclass(frozen=True, slots=True)
class ShardNode:
    """A node inside ``ClusterShard``.

    Attributes:
        id: its id.
        endpoint: its preferred address; None where it is not known.
        ip: its address.
        port: its port; None where it serves TLS only.
        tls_port: its TLS port; None without one.
        hostname: the name it announces; None without one.
        role: ``"master"`` or ``"replica"``.
        replication_offset: its replication offset.
        health: ``"online"``, ``"fail"`` or ``"loading"``.
        extra: what a newer server adds (``availability-zone`` …).
    """

    id: str
    endpoint: str | None
    ip: str
    port: int | None
    tls_port: int | None
    hostname: str | None
    role: str
    replication_offset: int
    health: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ClusterShard:
    """A primary with its replicas, from CLUSTER SHARDS.

    Attributes:
        slots: the ranges it serves.
        nodes: its nodes.
        id: its id (Valkey); None elsewhere.
        extra: what a newer server adds.
    """

    slots: list[tuple[int, int]]
    nodes: list[ShardNode]
    id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ClusterLink:
    """A connection of the cluster bus, from CLUSTER LINKS.

    Attributes:
        direction: ``"to"`` or ``"from"`` the other node.
        node: the other node's id.
        create_time: when it was made, Unix milliseconds.
        events: which events its socket waits for (``r``, ``w``).
        send_buffer_allocated: bytes allocated to send.
        send_buffer_used: of these, bytes in use.
        extra: what a newer server adds.
    """

    direction: str
    node: str
    create_time: int
    events: str
    send_buffer_allocated: int
    send_buffer_used: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SlotStats:
    """One slot of CLUSTER SLOT-STATS; what the server does not count is None.

    Attributes:
        slot: the slot.
        key_count: keys in it.
        cpu_usec: microseconds spent on it.
        network_bytes_in: bytes received for it.
        network_bytes_out: bytes sent for it.
        memory_bytes: bytes of its keys.
        extra: what a newer server adds.
    """

    slot: int
    key_count: int | None = None
    cpu_usec: int | None = None
    network_bytes_in: int | None = None
    network_bytes_out: int | None = None
    memory_bytes: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SlotMigration:
    """One slot migration, from CLUSTER GETSLOTMIGRATIONS (Valkey 9).

    Attributes:
        name: its name.
        operation: ``"IMPORT"`` or ``"EXPORT"``, as this node sees it.
        slots: the ranges that move.
        source: the id of the node they leave.
        target: the id of the node they go to.
        state: how far it is.
        message: why it ended, where it failed.
        create_time: when it began, Unix seconds.
        last_update_time: when its state last changed, Unix seconds.
        extra: what a newer server adds.
    """

    name: str
    operation: str
    slots: list[tuple[int, int]]
    source: str
    target: str
    state: str
    message: str
    create_time: int
    last_update_time: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class MigrationTask:
    """One slot migration, from CLUSTER MIGRATION with ``status`` (Redis 8.4). Times are Unix milliseconds.

    Attributes:
        id: its id.
        operation: ``"import"`` or ``"migrate"``, as this node sees it.
        slots: the ranges that move.
        source: the id of the node they leave.
        dest: the id of the node they go to.
        state: how far it is.
        last_error: what last went wrong; empty where nothing did.
        retries: how often it was tried again.
        create_time: when it was asked for.
        start_time: when it began.
        end_time: when it ended; 0 before that.
        write_pause: milliseconds for which writes were paused.
        extra: what a newer server adds.
    """

    id: str
    operation: str
    slots: list[tuple[int, int]]
    source: str
    dest: str
    state: str
    last_error: str
    retries: int
    create_time: int
    start_time: int
    end_time: int
    write_pause: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
