"""Replies about the server itself: role, logs, latency, memory, modules, users."""

from __future__ import annotations

from typing import Any

from redpoll.records.server import (
    AclLogEntry,
    AclSelector,
    AclUser,
    BackupStatus,
    HelloInfo,
    LatencyEvent,
    LatencyHistogram,
    LogEntry,
    MemoryStats,
    ModuleInfo,
    PrimaryRole,
    ReplicaRole,
    SentinelRole,
    TrackingInfo,
)

from .basic import as_map, extra_fields, listed, readable, record_fields, strings, to_str
from .text import client_info


def unix_time(reply: Any) -> tuple[int, int]:
    """TIME: Unix seconds, and microseconds within the second."""
    seconds, microseconds = reply
    return int(seconds), int(microseconds)


def role(reply: Any) -> PrimaryRole | ReplicaRole | SentinelRole:
    """ROLE."""
    kind = to_str(reply[0])
    if kind == "master":
        return PrimaryRole(reply[1], [(to_str(host), int(port), int(offset)) for host, port, offset in reply[2]])
    if kind == "slave":
        return ReplicaRole(to_str(reply[1]), int(reply[2]), to_str(reply[3]), int(reply[4]))
    if kind == "sentinel":
        return SentinelRole(strings(reply[1]))
    raise ValueError(f"an unknown role: {kind[:40]!r}")


def hello(reply: Any) -> HelloInfo:
    """HELLO."""
    data = record_fields(reply)
    take = data.pop
    its_role = take("role", None)
    return HelloInfo(
        server=to_str(take("server")),
        version=to_str(take("version")),
        proto=take("proto"),
        id=take("id"),
        mode=to_str(take("mode")),
        role=None if its_role is None else to_str(its_role),
        modules=modules(take("modules")),
        extra=extra_fields(data),
    )


def modules(reply: Any) -> list[ModuleInfo]:
    """MODULE LIST."""
    return [_module(item) for item in reply]


def _module(reply: Any) -> ModuleInfo:
    data = extra_fields(record_fields(reply))
    take = data.pop
    return ModuleInfo(take("name"), take("ver"), take("path", None), take("args", None), data)


def log_entries(reply: Any) -> list[LogEntry]:
    """SLOWLOG GET and COMMANDLOG GET."""
    return [
        LogEntry(number, at, value, [readable(word) for word in words], *[readable(word) for word in who[:2]])
        for number, at, value, words, *who in map(listed, listed(reply))
    ]


def latency_history(reply: Any) -> list[tuple[int, int]]:
    """LATENCY HISTORY: Unix seconds and milliseconds of each event."""
    return [(at, latency) for at, latency, *_ in map(listed, listed(reply))]


def latency_latest(reply: Any) -> list[LatencyEvent]:
    """LATENCY LATEST."""
    return [LatencyEvent(to_str(item[0]), *item[1:6]) for item in map(listed, listed(reply))]


def latency_histogram(reply: Any) -> dict[str, LatencyHistogram]:
    """LATENCY HISTOGRAM, by command."""
    return {name: _histogram(item) for name, item in record_fields(reply).items()}


def _histogram(reply: Any) -> LatencyHistogram:
    data = record_fields(reply)
    calls = data.pop("calls")
    buckets: dict[int, int] = {int(bound): count for bound, count in as_map(data.pop("histogram_usec")).items()}
    return LatencyHistogram(calls, buckets, extra_fields(data))


def memory_stats(reply: Any) -> MemoryStats:
    """MEMORY STATS. Its doubles come as text in RESP2."""
    data = record_fields(reply)
    numbered = [name for name in data if name.startswith("db.") and name[3:].isdigit()]
    databases = {int(name[3:]): record_fields(data.pop(name)) for name in numbered}
    for name, value in data.items():
        if isinstance(value, str | bytes):
            data[name] = _number(value)
    take = data.pop
    return MemoryStats(
        peak_allocated=take("peak.allocated"),
        total_allocated=take("total.allocated"),
        startup_allocated=take("startup.allocated"),
        overhead_total=take("overhead.total"),
        keys_count=take("keys.count"),
        keys_bytes_per_key=take("keys.bytes-per-key"),
        dataset_bytes=take("dataset.bytes"),
        dataset_percentage=take("dataset.percentage"),
        peak_percentage=take("peak.percentage"),
        fragmentation=take("fragmentation", None),
        databases=databases,
        extra=extra_fields(data),
    )


def _number(text: str | bytes) -> float | str:
    """Return a double from its text; a text that is none, in a field of a newer server, as ``str``."""
    try:
        return float(text)
    except ValueError:
        return readable(text)


def tracking_info(reply: Any) -> TrackingInfo:
    """CLIENT TRACKINGINFO."""
    data = record_fields(reply)
    take = data.pop
    return TrackingInfo(strings(take("flags")), take("redirect"), strings(take("prefixes")), extra_fields(data))


def acl_user(reply: Any) -> AclUser:
    """ACL GETUSER."""
    data = record_fields(reply)
    take = data.pop
    return AclUser(
        flags=strings(take("flags")),
        passwords=strings(take("passwords")),
        commands=readable(take("commands")),
        keys=_rules(take("keys")),
        channels=_rules(take("channels")),
        selectors=[_selector(item) for item in take("selectors", ())],
        extra=extra_fields(data),
    )


def _selector(reply: Any) -> AclSelector:
    data = record_fields(reply)
    take = data.pop
    return AclSelector(
        readable(take("commands")), readable(take("keys")), readable(take("channels")), extra_fields(data)
    )


def _rules(reply: Any) -> str:
    """Return rules in one text; servers before 7.0 list them."""
    kind = reply.__class__
    return " ".join(readable(item) for item in reply) if kind is list else readable(reply)


def acl_log(reply: Any) -> list[AclLogEntry]:
    """ACL LOG."""
    return [_acl_entry(item) for item in reply]


def _acl_entry(reply: Any) -> AclLogEntry:
    data = record_fields(reply)
    take = data.pop
    return AclLogEntry(
        count=take("count"),
        reason=to_str(take("reason")),
        context=to_str(take("context")),
        object=readable(take("object")),
        username=readable(take("username")),
        age=float(take("age-seconds")),
        client=client_info(take("client-info")),
        entry_id=take("entry-id", None),
        created=take("timestamp-created", None),
        updated=take("timestamp-last-updated", None),
        extra=extra_fields(data),
    )


def backup_status(reply: Any) -> BackupStatus:
    """BACKUP STATUS."""
    data = record_fields(reply)
    take = data.pop
    return BackupStatus(
        to_str(take("state")),
        readable(take("error")),
        int(take("start_time")),
        int(take("end_time")),
        extra_fields(data),
    )
