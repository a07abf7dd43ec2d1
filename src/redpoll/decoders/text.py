"""Text reports (INFO, CLIENT LIST, CLUSTER NODES …), parsed line by line into records."""

from __future__ import annotations

import re
from typing import Any, Final

from redpoll.records.cluster import ClusterInfo, ClusterNode
from redpoll.records.server import ClientInfo, InfoValue, ServerInfo

from .basic import readable, to_str

_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_NOT_NUMBERS: Final = re.compile(r".*(?:_sha1|build_id|run_id|_replid2?|_version|executable|config_file)")
_COMMA: Final = re.compile(r",(?![^\[]*\])")  # not inside brackets
_CLIENT_FIELD: Final = re.compile(r"([a-z][a-z0-9_-]*)=(.*?)(?= [a-z][a-z0-9_-]*=|$)")
_CLIENT_TEXTS: Final = frozenset(
    {"addr", "laddr", "name", "flags", "events", "cmd", "user", "lib_name", "lib_ver", "capa"}
)
_CLIENT_FIELDS: Final = {name.replace("_", "-"): name for name in ClientInfo.__dataclass_fields__ if name != "extra"}


def _number(text: str) -> int | float | str:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _named_values(text: str) -> dict[str, int | float | str] | None:
    """Return ``a=1,b=2`` as a dict, None where the text is something else; a name that repeats joins with a comma."""
    found: dict[str, int | float | str] = {}
    for part in _COMMA.split(text):
        name, equals, value = part.partition("=")
        if not equals or not name or "/" in name or " " in name:
            return None
        found[name] = f"{found[name]},{value}" if name in found else _number(value)
    return found


def _info_value(name: str, text: str) -> InfoValue:
    if _NOT_NUMBERS.fullmatch(name):
        return text
    if "=" in text:
        return _named_values(text) or text
    return _number(text)


def info(reply: Any) -> ServerInfo:
    """INFO, also of a Sentinel."""
    sections: dict[str, dict[str, InfoValue]] = {}
    section: dict[str, InfoValue] | None = None
    for line in readable(reply).splitlines():
        if line.startswith("#"):
            section = sections.setdefault(line[1:].strip().lower(), {})
        elif line:
            name, colon, text = line.partition(":")
            if not colon:
                continue
            if section is None:
                section = sections.setdefault("", {})
            key, count = name, 1
            while key in section:
                count += 1
                key = f"{name}.{count}"
            section[key] = _info_value(name, text)
    return ServerInfo(sections)


def client_line(line: str) -> ClientInfo:
    """Return one line of CLIENT LIST as a record."""
    try:
        values = dict(part.split("=", 1) for part in line.split(" "))
    except ValueError:  # a Unix socket's path with spaces
        values = dict(_CLIENT_FIELD.findall(line))
    known: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for name, value in values.items():
        field = _CLIENT_FIELDS.get(name)
        if field is None:
            extra[name] = value
        else:
            known[field] = value if field in _CLIENT_TEXTS else int(value)
    return ClientInfo(**known, extra=extra)


def client_info(reply: Any) -> ClientInfo:
    """CLIENT INFO."""
    return client_line(readable(reply).strip())


def client_list(reply: Any) -> list[ClientInfo]:
    """CLIENT LIST."""
    return [client_line(line) for line in readable(reply).splitlines() if line]


def cluster_info(reply: Any) -> ClusterInfo:
    """CLUSTER INFO."""
    values: dict[str, Any] = {}
    for line in to_str(reply).splitlines():
        name, colon, text = line.partition(":")
        if colon:
            values[name] = int(text) if _WHOLE.fullmatch(text) else text
    take = values.pop
    return ClusterInfo(
        state=take("cluster_state"),
        slots_assigned=take("cluster_slots_assigned"),
        slots_ok=take("cluster_slots_ok"),
        slots_pfail=take("cluster_slots_pfail"),
        slots_fail=take("cluster_slots_fail"),
        known_nodes=take("cluster_known_nodes"),
        size=take("cluster_size"),
        current_epoch=take("cluster_current_epoch"),
        my_epoch=take("cluster_my_epoch"),
        messages_sent=take("cluster_stats_messages_sent"),
        messages_received=take("cluster_stats_messages_received"),
        extra=values,
    )


def slot_ranges(text: str) -> list[tuple[int, int]]:
    """Return ``"0-5 7 9-10"`` as ranges, both ends inclusive."""
    found: list[tuple[int, int]] = []
    for part in text.split():
        start, dash, end = part.partition("-")
        found.append((int(start), int(end if dash else start)))
    return found


def cluster_node(reply: Any) -> ClusterNode:
    """Return one line of CLUSTER NODES (an element of CLUSTER REPLICAS) as a record."""
    node, address, flags, primary, ping, pong, epoch, link, *slots = to_str(reply).split()
    addresses, *names = address.split(",")
    endpoint, _, bus = addresses.partition("@")
    host, _, port = endpoint.rpartition(":")
    hostname = names.pop(0) if names and "=" not in names[0] else ""
    moving = [part[1:-1] for part in slots if part[0] == "["]
    leaving = [part.split("->-") for part in moving if "->-" in part]
    coming = [part.split("-<-") for part in moving if "-<-" in part]
    return ClusterNode(
        id=node,
        host=host,
        port=int(port),
        bus_port=int(bus) if bus else None,
        hostname=hostname,
        flags=[flag for flag in flags.split(",") if flag != "noflags"],
        primary_id=None if primary == "-" else primary,
        ping_sent=int(ping),
        pong_received=int(pong),
        config_epoch=int(epoch),
        link_state=link,
        slots=slot_ranges(" ".join(part for part in slots if part[0] != "[")),
        migrating={int(slot): other for slot, other in leaving},
        importing={int(slot): other for slot, other in coming},
        extra=dict(name.split("=", 1) for name in names if "=" in name),
    )


def cluster_nodes(reply: Any) -> list[ClusterNode]:
    """CLUSTER NODES."""
    return [cluster_node(line) for line in to_str(reply).splitlines() if line]


def cluster_replicas(reply: Any) -> list[ClusterNode]:
    """CLUSTER REPLICAS and CLUSTER SLAVES: a list of lines, or one text of all."""
    if isinstance(reply, str | bytes):
        return cluster_nodes(reply)
    return [cluster_node(line) for line in reply]
