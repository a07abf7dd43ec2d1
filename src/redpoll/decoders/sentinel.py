"""Replies of a Sentinel. It tells nearly all numbers as text, and a record's fields as a flat list in RESP2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redpoll.records.sentinel import (
    CachedInfo,
    DownVote,
    PendingScript,
    WatchedPrimary,
    WatchedReplica,
    WatchedSentinel,
)
from redpoll.spec import Decoder

from .basic import as_map, flag, readable, record_fields, to_int, to_str
from .text import info


def _known(reply: Any) -> str | None:
    """Return text, None for the sign that stands for what is not known."""
    text = to_str(reply)
    return None if text in ("?", "*") else text


def _flags(reply: Any) -> tuple[str, ...]:
    return tuple(filter(None, to_str(reply).split(",")))


def _up(reply: Any) -> bool:
    return to_str(reply) == "ok"


def _flag(reply: Any) -> bool:
    return flag(int(reply))


Fields = Mapping[str, tuple[str, Decoder[Any]]]
"""By the server's name: the record's name, and the decoder."""

_EVERY: Final[Fields] = {
    "name": ("name", readable),
    "ip": ("ip", readable),
    "port": ("port", to_int),
    "runid": ("runid", to_str),
    "flags": ("flags", _flags),
    "link-pending-commands": ("link_pending_commands", to_int),
    "link-refcount": ("link_refcount", to_int),
    "last-ping-sent": ("last_ping_sent", to_int),
    "last-ok-ping-reply": ("last_ok_ping_reply", to_int),
    "last-ping-reply": ("last_ping_reply", to_int),
    "down-after-milliseconds": ("down_after_milliseconds", to_int),
    "s-down-time": ("s_down_time", to_int),
    "o-down-time": ("o_down_time", to_int),
}
_SERVER: Final[Fields] = {
    **_EVERY,
    "info-refresh": ("info_refresh", to_int),
    "role-reported": ("role_reported", to_str),
    "role-reported-time": ("role_reported_time", to_int),
}
_PRIMARY: Final[Fields] = {
    **_SERVER,
    "config-epoch": ("config_epoch", to_int),
    "num-slaves": ("replicas", to_int),
    "num-other-sentinels": ("sentinels", to_int),
    "quorum": ("quorum", to_int),
    "failover-timeout": ("failover_timeout", to_int),
    "parallel-syncs": ("parallel_syncs", to_int),
    "failover-state": ("failover_state", to_str),
    "notification-script": ("notification_script", readable),
    "client-reconfig-script": ("client_reconfig_script", readable),
}
_REPLICA: Final[Fields] = {
    **_SERVER,
    "master-link-down-time": ("primary_link_down_time", to_int),
    "master-link-status": ("primary_link_up", _up),
    "master-host": ("primary_host", _known),
    "master-port": ("primary_port", to_int),
    "slave-priority": ("priority", to_int),
    "slave-repl-offset": ("offset", to_int),
    "replica-announced": ("announced", _flag),
}
_SENTINEL: Final[Fields] = {
    **_EVERY,
    "last-hello-message": ("last_hello_message", to_int),
    "voted-leader": ("voted_leader", _known),
    "voted-leader-epoch": ("voted_leader_epoch", to_int),
}


def _fields(reply: Any, fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for told, value in record_fields(reply).items():
        if told in fields:
            name, decode = fields[told]
            found[name] = decode(value)
        else:
            extra[told] = readable(value)
    return {**found, "extra": extra}


def watched_primary(reply: Any) -> WatchedPrimary:
    """SENTINEL MASTER and PRIMARY."""
    return WatchedPrimary(**_fields(reply, _PRIMARY))


def watched_primaries(reply: Any) -> list[WatchedPrimary]:
    """SENTINEL MASTERS and PRIMARIES."""
    return [watched_primary(item) for item in reply]


def watched_replicas(reply: Any) -> list[WatchedReplica]:
    """SENTINEL REPLICAS and SLAVES."""
    return [WatchedReplica(**_fields(item, _REPLICA)) for item in reply]


def watched_sentinels(reply: Any) -> list[WatchedSentinel]:
    """SENTINEL SENTINELS."""
    return [WatchedSentinel(**_fields(item, _SENTINEL)) for item in reply]


def primary_address(reply: Any) -> tuple[str, int] | None:
    """SENTINEL GET-MASTER-ADDR-BY-NAME and GET-PRIMARY-ADDR-BY-NAME: host and port, None for a name not watched."""
    if reply is None:
        return None
    host, port = reply
    return readable(host), int(port)


def info_cache(reply: Any) -> dict[str, list[CachedInfo]]:
    """SENTINEL INFO-CACHE: by the primary's name its own report, then its replicas'."""
    return {
        readable(name): [CachedInfo(age, None if text is None else info(text)) for age, text in reports]
        for name, reports in as_map(reply).items()
    }


def down_vote(reply: Any) -> DownVote:
    """SENTINEL IS-MASTER-DOWN-BY-ADDR and IS-PRIMARY-DOWN-BY-ADDR."""
    down, leader, epoch = reply
    return DownVote(flag(down), _known(leader), epoch)


def sentinel_times(reply: Any) -> dict[str, int]:
    """SENTINEL DEBUG: milliseconds by name."""
    return {to_str(name): int(value) for name, value in as_map(reply).items()}


def pending_scripts(reply: Any) -> list[PendingScript]:
    """SENTINEL PENDING-SCRIPTS."""
    return [_pending_script(item) for item in reply]


def _pending_script(reply: Any) -> PendingScript:
    data = record_fields(reply)
    take = data.pop
    ran, waits = take("run-time", None), take("run-delay", None)
    return PendingScript(
        argv=tuple([readable(word) for word in take("argv")]),
        running=to_str(take("flags")) == "running",
        pid=int(take("pid")),
        run_time=None if ran is None else int(ran),
        run_delay=None if waits is None else int(waits),
        retry_num=int(take("retry-num")),
        extra={name: readable(value) for name, value in data.items()},
    )
