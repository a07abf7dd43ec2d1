"""What servers, or the spec, are known to deviate in. Each entry says why, and one that is not needed fails."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.live.proof.judge import Fault

V, OLD, R8, NEW = "Valkey 9.1", "Redis 7.0", "Redis 8.2", "Redis 8.6"
REDIS = (OLD, R8, NEW)
ALL = (V, *REDIS)


@dataclass(frozen=True)
class Known:
    """One deviation and its reason.

    Attributes:
        kind: of the fault.
        command: the command.
        why: the reason.
        servers: where it is needed.
        only: what the fault's text must hold, as a regular expression.
        sure: it is there in each run; else chance decides.
    """

    kind: str
    command: str
    why: str
    servers: tuple[str, ...] = ALL
    only: str = ""
    sure: bool = True

    def covers(self, fault: Fault, server: str) -> bool:
        same = (fault.kind, fault.command) == (self.kind, self.command) and server in self.servers
        return same and re.search(self.only, fault.what) is not None


def _each(kind: str, commands: str, why: str, servers: Iterable[str] = ALL, sure: bool = True) -> list[Known]:
    return [Known(kind, command, why, tuple(servers), sure=sure) for command in commands.split(", ")]


_EITHER = "Redis takes TYPE or ID, Valkey both"
_RANDOM = "chance, a clock or a counter decides, and the spec does not say so"

KNOWN: tuple[Known, ...] = (
    # The server calls it a wrong syntax.
    Known("syntax", "CLIENT LIST", _EITHER, REDIS, only=r"TYPE \w+ ID "),
    Known("syntax", "COMMAND GETKEYS", "7.0 counts the command's name as no argument", (OLD,), only="GETKEYS MGET:"),
    Known("syntax", "COMMAND GETKEYSANDFLAGS", "as COMMAND GETKEYS", (OLD,), only="GETKEYSANDFLAGS MGET:"),
    # COMMAND GETKEYS
    Known("keys", "MIGRATE", "the empty word that stands for several keys is found as a key, in front of them"),
    Known("keys", "PFMERGE", "the server looks for a source where there is none", only="PFMERGE k1 is refused"),
    # The reply schema is Redis' where both have the command.
    Known("schema", "ACL GETUSER", "Valkey's databases are not in Redis' schema", (V,)),
    Known("schema", "BGSAVE", "Valkey's CANCEL is not in Redis' schema", (V,), only="CANCEL"),
    Known("schema", "CLUSTER SHARDS", "Valkey's id of a shard is not in Redis' schema", (V,)),
    Known("schema", "CLUSTER GETSLOTMIGRATIONS", "the schema lacks the name and remaining_repl_size", (V,)),
    Known("schema", "LATENCY LATEST", "Valkey adds sum and count", (V,)),
    Known("schema", "MEMORY STATS", "Valkey's slot migrations are not in Redis' schema", (V,)),
    # RESP2 against RESP3
    Known("protocol", "HELLO", "it tells the protocol"),
    *_each("protocol", "CLUSTER MYID", "each protocol finds a node of its own"),
    *_each("protocol", "ACL CAT, ACL GENPASS, COMMAND INFO, LATENCY RESET, LOLWUT", _RANDOM, sure=False),
    *_each("protocol", "CONFIG GET", "a map has no order, and RESP2 tells it as a list", sure=False),
    *_each("protocol", "ACL LOG, XINFO STREAM", "ages and moments differ", sure=False),
    *_each("protocol", "ROLE", "the stream of replication grows", sure=False),
    *_each("protocol", "CLUSTER MIGRATION", "each migration has an id of its own", (NEW,)),
    *_each("protocol", "CLUSTER GETSLOTMIGRATIONS", "as CLUSTER MIGRATION", (V,)),
    Known("protocol", "XREADGROUP", "what is claimed tells its idle time", (NEW,), only="CLAIM", sure=False),
    *_each("protocol", "VINFO, VLINKS, VRANDMEMBER", _RANDOM, (R8, NEW), sure=False),
    # Commands that give no value.
    *_each("value", "MODULE LOAD, MODULE LOADEX, MODULE UNLOAD", "without a C compiler there is no module", sure=False),
)  # fmt: skip
