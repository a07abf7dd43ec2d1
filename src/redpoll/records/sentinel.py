"""What a Sentinel tells of the primaries, replicas and Sentinels that it watches. All text is ``str``.

Times are milliseconds; what says when something happened counts them back from now. ``extra`` keeps what a newer Sentinel
adds, by the server's names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .server import ServerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a Sentinel knows of every instance that it watches.

    Attributes:
        name: the primary's name; a replica's address and port; a Sentinel's id.
        ip: its address, or its host name where the Sentinel announces host names.
        port: its port.
        runid: its run id; empty where it is not known yet.
        flags: ``master``, ``slave`` or ``sentinel``, and states: ``s_down``, ``o_down``, ``disconnected`` …
        link_pending_commands: commands sent to it that it has not answered.
        link_refcount: how many of the watched instances share the connection.
        last_ping_sent: since the PING that it has not answered; 0 where it answered all.
        last_ok_ping_reply: since its last good answer to PING.
        last_ping_reply: since its last answer to PING of any kind.
        down_after_milliseconds: the silence after which it is held to be down.
        s_down_time: since this Sentinel holds it to be down; None where it does not.
        o_down_time: since enough Sentinels hold it to be down; None where they do not.
        extra: what a newer Sentinel adds.
    """

    name: str
    ip: str
    port: int
    runid: str
    flags: tuple[str, ...]
    link_pending_commands: int
    link_refcount: int
    last_ping_sent: int
    last_ok_ping_reply: int
    last_ping_reply: int
    down_after_milliseconds: int
    s_down_time: int | None = None
    o_down_time: int | None = None
    extra: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_down(self) -> bool:
        """Whether this Sentinel holds it to be down."""
        return "s_down" in self.flags or "o_down" in self.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPrimary(Watched):
    """One primary of SENTINEL MASTERS, MASTER, PRIMARIES or PRIMARY.

    Attributes:
        info_refresh: since its last answer to INFO.
        role_reported: the role that it tells: ``"master"`` or ``"slave"``.
        role_reported_time: since it first told that role.
        config_epoch: the epoch of its last failover.
        replicas: how many replicas are known.
        sentinels: how many other Sentinels are known.
        quorum: how many Sentinels must agree that it is down.
        failover_timeout: how long a failover may take.
        parallel_syncs: how many replicas follow a new primary at the same time.
        failover_state: the step of a failover that is under way; None without one.
        notification_script: the script that is called with events; None without one.
        client_reconfig_script: the script that is called after a failover; None without one.
    """

    info_refresh: int
    role_reported: str
    role_reported_time: int
    config_epoch: int
    replicas: int
    sentinels: int
    quorum: int
    failover_timeout: int
    parallel_syncs: int
    failover_state: str | None = None
    notification_script: str | None = None
    client_reconfig_script: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedReplica(Watched):
    """One replica of SENTINEL REPLICAS or SLAVES.

    Attributes:
        info_refresh: since its last answer to INFO.
        role_reported: the role that it tells: ``"slave"`` or ``"master"``.
        role_reported_time: since it first told that role.
        primary_link_down_time: for how long its link to its primary has been down; 0 where it is up.
        primary_link_up: whether its link to its primary is up.
        primary_host: the primary that it follows; None where it has not told yet.
        primary_port: that primary's port; 0 where it has not told yet.
        priority: in a failover the lowest comes first; 0 is never promoted.
        offset: how far it has replicated.
        announced: whether it may be told to clients. None before 6.2.
    """

    info_refresh: int
    role_reported: str
    role_reported_time: int
    primary_link_down_time: int
    primary_link_up: bool
    primary_host: str | None
    primary_port: int
    priority: int
    offset: int
    announced: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSentinel(Watched):
    """One other Sentinel of SENTINEL SENTINELS.

    Attributes:
        last_hello_message: since its last announcement.
        voted_leader: the id of the Sentinel that it last voted for; None where it has not.
        voted_leader_epoch: the epoch of that vote.
    """

    last_hello_message: int
    voted_leader: str | None
    voted_leader_epoch: int


@dataclass(frozen=True, slots=True)
class CachedInfo:
    """One report of SENTINEL INFO-CACHE.

    Attributes:
        age: since it came; 0 where none has.
        info: the report; None where none has come yet.
    """

    age: int
    info: ServerInfo | None


@dataclass(frozen=True, slots=True)
class DownVote:
    """A Sentinel's answer to SENTINEL IS-MASTER-DOWN-BY-ADDR and IS-PRIMARY-DOWN-BY-ADDR.

    Attributes:
        down: whether it holds the primary to be down.
        leader: the id of the Sentinel that it votes for; None where it was not asked to vote, or has not.
        leader_epoch: the epoch of that vote.
    """

    down: bool
    leader: str | None
    leader_epoch: int


@dataclass(frozen=True, slots=True)
class PendingScript:
    """One script of SENTINEL PENDING-SCRIPTS.

    Attributes:
        argv: the script and its arguments.
        running: whether it runs now; else it waits.
        pid: its process id; 0 where it does not run.
        run_time: for how long it has run; None where it does not.
        run_delay: how long it still waits; None where it runs or waits for no moment.
        retry_num: how often it has been started.
        extra: what a newer Sentinel adds.
    """

    argv: tuple[str, ...]
    running: bool
    pid: int
    run_time: int | None
    run_delay: int | None
    retry_num: int
    extra: dict[str, str] = field(default_factory=dict[str, str])
