"""What a server tells of itself: INFO, clients, logs, latency, memory, modules, users, functions.

Names, commands and states are ``str`` on every client. ``extra`` keeps what a newer server adds, by the server's names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

InfoValue: TypeAlias = int | float | str | dict[str, int | float | str]
"""A value of INFO: a number, text, or named values (``db0``, ``cmdstat_get`` …)."""


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One database, from INFO.

    Attributes:
        keys: keys in it.
        expires: of these, how many have a time to live.
        avg_ttl: their mean time to live, in milliseconds (an estimate).
        extra: what a newer server adds.
    """

    keys: int
    expires: int
    avg_ttl: int = 0
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """INFO, by section; ``info["used_memory"]`` finds a name in any of them.

    Whole numbers are ``int`` and decimals ``float``, except for versions, digests and ids, which stay text. A name that
    comes several times (``module``) is kept as ``module``, ``module.2``, ``module.3`` …

    Attributes:
        sections: the values by section and name, in the server's order; sections in lower case.
    """

    sections: dict[str, dict[str, InfoValue]]

    def __getitem__(self, name: str) -> InfoValue:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return any(name in section for section in self.sections.values())

    def get(self, name: str, default: InfoValue | None = None) -> InfoValue | None:
        """Return the value of ``name``, or ``default`` where the server did not tell it."""
        for section in self.sections.values():
            if name in section:
                return section[name]
        return default

    @property
    def server(self) -> str:
        """``"valkey"`` or ``"redis"``; needs the section ``server``."""
        return str(self["server_name"]) if "server_name" in self or "redis_version" not in self else "redis"

    @property
    def version(self) -> str:
        """The server's own version, such as ``"9.1.2"``; needs the section ``server``."""
        return str(self[f"{self.server}_version"])

    @property
    def keyspace(self) -> dict[int, Keyspace]:
        """The databases that hold keys, by number; needs the section ``keyspace``."""
        found: dict[int, Keyspace] = {}
        for name, value in self.sections.get("keyspace", {}).items():
            if isinstance(value, dict) and name[:2] == "db" and name[2:].isdigit():
                rest = dict(value)
                keys, expires, ttl = [int(rest.pop(key, 0)) for key in ("keys", "expires", "avg_ttl")]
                found[int(name[2:])] = Keyspace(keys, expires, ttl, dict[str, Any](rest))
        return found


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One connection, as the server sees it. What the server is too old to tell is None.

    Attributes:
        id: its number, never used again.
        addr: the client's address and port, or the socket's path.
        laddr: the server's side of it.
        fd: the file descriptor.
        name: the name it gave itself; empty without one.
        age: seconds since it connected.
        idle: seconds since its last command.
        flags: one letter a property, in the server's code (``N`` none, ``P`` pub/sub, ``S`` replica …).
        db: the selected database.
        sub: channels it subscribes to.
        psub: patterns it subscribes to.
        ssub: shard channels it subscribes to.
        multi: commands queued in its transaction; -1 outside one.
        watch: keys it watches.
        qbuf: bytes in its query buffer.
        qbuf_free: free bytes in that buffer.
        argv_mem: bytes of the command being read.
        multi_mem: bytes of queued commands.
        rbs: size of its reply buffer, in bytes.
        rbp: recent peak of that buffer, in bytes.
        obl: bytes in the fixed output buffer.
        oll: replies in the output list.
        omem: bytes of that list.
        tot_mem: bytes it uses in all.
        events: which events its socket waits for (``r``, ``w``).
        cmd: its last command, such as ``"client|list"``.
        user: its ACL user.
        redir: the id that its invalidations are redirected to; -1 for none.
        resp: the protocol it speaks, 2 or 3.
        lib_name: the client library's name.
        lib_ver: the client library's version.
        capa: what it told of its abilities.
        tot_net_in: bytes received from it.
        tot_net_out: bytes sent to it.
        tot_cmds: commands it ran.
        io_thread: the thread that serves it.
        extra: what a newer server adds.
    """

    id: int
    addr: str
    fd: int
    name: str
    age: int
    idle: int
    flags: str
    db: int
    cmd: str
    laddr: str | None = None
    sub: int | None = None
    psub: int | None = None
    ssub: int | None = None
    multi: int | None = None
    watch: int | None = None
    qbuf: int | None = None
    qbuf_free: int | None = None
    argv_mem: int | None = None
    multi_mem: int | None = None
    rbs: int | None = None
    rbp: int | None = None
    obl: int | None = None
    oll: int | None = None
    omem: int | None = None
    tot_mem: int | None = None
    events: str | None = None
    user: str | None = None
    redir: int | None = None
    resp: int | None = None
    lib_name: str | None = None
    lib_ver: str | None = None
    capa: str | None = None
    tot_net_in: int | None = None
    tot_net_out: int | None = None
    tot_cmds: int | None = None
    io_thread: int | None = None
    extra: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class TrackingInfo:
    """CLIENT TRACKINGINFO.

    Attributes:
        flags: ``off``, or ``on`` with its modes (``bcast``, ``optin`` …).
        redirect: the id that invalidations go to; 0 for this connection, -1 without tracking.
        prefixes: the prefixes of the broadcast mode.
        extra: what a newer server adds.
    """

    flags: list[str]
    redirect: int
    prefixes: list[str]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A loaded module.

    Attributes:
        name: its name.
        version: its version number.
        path: where it was loaded from; empty for one that is built in. None before 7.0.
        args: the arguments it was loaded with. None before 7.0.
        extra: what a newer server adds.
    """

    name: str
    version: int
    path: str | None = None
    args: list[str] | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class HelloInfo:
    """HELLO.

    Attributes:
        server: ``"redis"`` or ``"valkey"``.
        version: its version.
        proto: the protocol from now on, 2 or 3.
        id: the connection's number.
        mode: ``"standalone"``, ``"sentinel"`` or ``"cluster"``.
        role: ``"master"`` or ``"replica"``; None on a Sentinel.
        modules: the loaded modules.
        extra: what a newer server adds (``availability_zone`` …).
    """

    server: str
    version: str
    proto: int
    id: int
    mode: str
    role: str | None
    modules: list[ModuleInfo]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class LogEntry:
    r"""One entry of SLOWLOG GET or COMMANDLOG GET.

    Attributes:
        id: its number.
        timestamp: when it ran, Unix seconds.
        value: what it is listed for: microseconds in the slow log, bytes in the logs of large requests and replies.
        args: the command and its arguments, long ones cut by the server; bytes that are not UTF-8 as ``\xNN``.
        client: the client's address and port.
        client_name: the client's name.
    """

    id: int
    timestamp: int
    value: int
    args: list[str]
    client: str = ""
    client_name: str = ""


@dataclass(frozen=True, slots=True)
class LatencyEvent:
    """One kind of event of LATENCY LATEST, in milliseconds.

    Attributes:
        name: the event.
        timestamp: when it last came, Unix seconds.
        latest: the latest latency.
        worst: the worst one.
        total: the sum of all (Valkey 8.1); None elsewhere.
        count: how many there were (Valkey 8.1); None elsewhere.
    """

    name: str
    timestamp: int
    latest: int
    worst: int
    total: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class LatencyHistogram:
    """The latencies of one command.

    Attributes:
        calls: how often it ran.
        buckets: upper bound in microseconds → calls that took no longer (cumulative).
        extra: what a newer server adds.
    """

    calls: int
    buckets: dict[int, int]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """MEMORY STATS, in bytes. Ratios and percentages are floats. All further values are in ``extra``.

    Attributes:
        peak_allocated: the most it ever used.
        total_allocated: what it uses now.
        startup_allocated: what it used at its start.
        overhead_total: what is not data.
        keys_count: keys in all databases.
        keys_bytes_per_key: bytes a key, overhead included.
        dataset_bytes: what is data.
        dataset_percentage: data in percent of what it uses beyond the start.
        peak_percentage: its present use in percent of the peak.
        fragmentation: resident by used memory.
        databases: overhead by database: the main table's, the expires table's …
        extra: every other value, by the server's name.
    """

    peak_allocated: int
    total_allocated: int
    startup_allocated: int
    overhead_total: int
    keys_count: int
    keys_bytes_per_key: int
    dataset_bytes: int
    dataset_percentage: float
    peak_percentage: float
    fragmentation: float | None
    databases: dict[int, dict[str, int]]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class PrimaryRole:
    """ROLE of a primary.

    Attributes:
        offset: its replication offset.
        replicas: address, port and acknowledged offset of each replica.
    """

    offset: int
    replicas: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class ReplicaRole:
    """ROLE of a replica.

    Attributes:
        host: its primary's address.
        port: its primary's port.
        state: ``"connect"``, ``"connecting"``, ``"sync"``, ``"connected"`` …
        offset: how far it has replicated; -1 where it has not.
    """

    host: str
    port: int
    state: str
    offset: int


@dataclass(frozen=True, slots=True)
class SentinelRole:
    """ROLE of a Sentinel.

    Attributes:
        primaries: the names that it watches.
    """

    primaries: list[str]


@dataclass(frozen=True, slots=True)
class AclSelector:
    """A selector of a user: rules of its own, in the syntax of ACL SETUSER.

    Attributes:
        commands: which commands.
        keys: which keys.
        channels: which channels.
        extra: what a newer server adds (``databases`` …).
    """

    commands: str
    keys: str
    channels: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class AclUser:
    """ACL GETUSER.

    Attributes:
        flags: ``on`` or ``off``, ``nopass`` …
        passwords: the SHA-256 digests of the passwords; not in the repr.
        commands: which commands, in the syntax of ACL SETUSER.
        keys: which keys.
        channels: which channels.
        selectors: further sets of rules.
        extra: what a newer server adds (``databases`` …).
    """

    flags: list[str]
    passwords: list[str] = field(repr=False)
    commands: str
    keys: str
    channels: str
    selectors: list[AclSelector]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class AclLogEntry:
    """One entry of ACL LOG.

    Attributes:
        count: how often it came within the last minute of it.
        reason: ``"auth"``, ``"command"``, ``"key"``, ``"channel"`` …
        context: ``"toplevel"``, ``"multi"``, ``"lua"`` …
        object: the command, key or channel that was refused.
        username: the user.
        age: seconds since it last came.
        client: the connection.
        entry_id: its number. None before 7.2, as the two times.
        created: when it first came, Unix milliseconds.
        updated: when it last came, Unix milliseconds.
        extra: what a newer server adds.
    """

    count: int
    reason: str
    context: str
    object: str
    username: str
    age: float
    client: ClientInfo
    entry_id: int | None = None
    created: int | None = None
    updated: int | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """BACKUP STATUS.

    Attributes:
        state: ``"idle"``, ``"pending"``, ``"snapshotting"``, ``"incrementing"``, ``"sealed"`` or ``"failed"``.
        error: why it failed; empty where it did not.
        start_time: when it began, Unix seconds; 0 where none did.
        end_time: when it was sealed, Unix seconds; 0 where it was not.
        extra: what a newer server adds.
    """

    state: str
    error: str
    start_time: int
    end_time: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
