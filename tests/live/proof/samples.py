"""What the enumerated calls are made with: values that servers can work with, and what stands on the server before.

The enumeration gives every combination of parameters; its values are only samples. Here each text and number of a
parameter is replaced by one that means something to a server: an existing field, a valid stream id, a moment's timeout.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, TypeAlias

from codegen.calls import Given, KeySample
from codegen.grammar import Sample
from codegen.ir import Method, Param
from redpoll.values import BitGet, BitIncrBy, BitSet

Line: TypeAlias = tuple[Any, ...]


@dataclass
class Facts:
    """What values need to know of the server.

    Attributes:
        version: of the server, as numbers.
        valkey: it is Valkey.
        protocol: 2 or 3.
        port: of another server of the same program.
        id: of another client's connection.
        node: the server's name in its cluster.
        dump: the payload that DUMP gives for the string "10".
        functions: the payload of FUNCTION DUMP.
    """

    version: tuple[int, ...]
    valkey: bool
    protocol: int
    port: int = 0
    id: int = 0
    node: str = ""
    dump: bytes = b""
    functions: bytes = b""


Whole: TypeAlias = Callable[[Given, Facts], Any]

SCRIPT = "return {KEYS[1] or false, ARGV[1] or false}"
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
LIBRARY = (
    "#!lua name=lib1\n"
    "redis.register_function{function_name='fn1', callback=function(keys, args) return #keys + #args end,"
    " flags={'no-writes'}}"
)
OTHER_LIBRARY = "#!lua name=lib2\nredis.register_function('fn2', function(keys, args) return 1 end)"


def _bound(first: bool) -> Whole:
    """A bound of ZRANGE: a rank, a score or a lexical one."""

    def value(given: Given, _: Facts) -> Any:
        low = first != bool(given.get("desc") and (given.get("bylex") or given.get("byscore")))
        if given.get("bylex"):
            return Sample("-" if low else "+")
        return 0 if low else 10

    return value


def _polygon(*_: Any) -> Any:
    return [(10.0, 30.0), (20.0, 30.0), (20.0, 45.0), (10.0, 45.0)]


def _set_words(given: Given, _: Facts) -> Any:
    return tuple(map(Sample, ("k1", "k2")[: len(given["args"])]))


def _vector(given: Given, _: Facts) -> Any:
    return [1.0, 0.25, 0.5] if isinstance(given["vector"], list) else bytes(8) + b"\0\0\x80?"


def _query(given: Given, _: Facts) -> Any:
    if isinstance(given["query"], str):
        return Sample("m1")
    return [1.0, 0.25, 0.5] if isinstance(given["query"], list) else bytes(4) + b"\0\0\x80?" + bytes(4)


def _weights(given: Given, _: Facts) -> Any:
    keys = given["keys"]
    each = keys if isinstance(keys, tuple | list) else (keys,)
    return [1.5 + index for index in range(sum(len(key) if isinstance(key, list) else 1 for key in each))]


def _operations(given: Given, _: Facts) -> Any:
    every = (BitSet("u8", 0, 5), BitGet("u8", "#1"), BitIncrBy("u2", 100, 5, "FAIL"))
    return every[: len(given["operations"])] if len(given["operations"]) > 1 else every[:1]


ATOMS: dict[str, tuple[Any, ...]] = {
    "aclcat": ("read",), "addr": ("127.0.0.1:1",), "and_": (), "args": ("a1", "a2"), "auth.username": ("u1",),
    "bit": (1,), "block": (1,), "by": ("w_*",), "capa": ("r",), "category": ("read",), "claim": (0,),
    "client_id": (99999,), "cluster_bus_port": (2,), "connection_name": ("name1",), "consumer": ("c1",), "count": (2,),
    "cursor": (0,), "db": (1,), "destination_db": (0,), "element": ("m1",), "elements": ("m1", "m2"),
    "end": (-1,), "engine": ("LUA",), "event": ("command",), "events": ("command",), "exact": ("v",),
    "field": ("f1",), "fields": ("f1", "f2"), "fieldset_name": ("set1",), "flags": ("N",), "frommember": ("m1",),
    "function": ("fn1",), "function_code": (OTHER_LIBRARY,), "group": ("g1",), "host": ("127.0.0.1",),
    "id": ("9-1",), "ids": ("1-1", "2-1"), "idmpauto": ("p1",), "idmp": ("p1", "i1"), "ifeq": ("10",), "ifne": ("11",),
    "ifdeq": ("d0698444ed39c832",), "ifdne": ("0123456789abcdef",),
    "index": (0,), "index1": (0,), "index2": (1,), "ip": ("127.0.0.1",), "lastid": ("0-1",), "last_id": ("9-9",),
    "latitude": (38.0,), "longitude": (14.0,), "lbound": (0,), "ubound": (1000,), "library_name": ("lib1",),
    "libraryname": ("lib*",), "lib_name": ("lib",), "lib_ver": ("1.0",), "laddr": ("127.0.0.1:1",), "match": ("*",),
    "max": ("+",), "min": ("-",), "member": ("m1",), "member1": ("m1",), "member2": ("m2",), "members": ("m1", "m2"),
    "minid": ("1-1",), "maxdeletedid": ("1-1",), "entriesadded": (9,), "module": ("nosuch",), "node_id": ("f" * 40,),
    "not_capa": ("r",), "not_db": (1,), "not_flags": ("M",), "not_user": ("default",),
    "num": (2,), "numlocal": (0,), "numreplicas": (0,), "offset": (0,), "path": ("/nonexistent/module.so",),
    "parameters": ("maxmemory", "hz"), "pattern": ("*",), "pivot": ("m1",), "pid": ("p1",), "iid": ("i1",),
    "port": (1,), "protover": (2,), "radius": (500.0,), "rank": (1,), "rules": ("on", "+@read"), "script": (SCRIPT,),
    "sections": ("server", "clients"), "sha1": (SHA,), "sha1s": (SHA, "0" * 40), "slot": (0,), "slots": (1, 2),
    "start": (0,), "stop": (-1,), "stream_id": ("9-1",), "streams": ("0-0",), "timeout": (0.01,), "type": ("string",),
    "unit": (), "user": ("default",), "username": ("u1",), "usernames": ("u1", "nosuch"), "value": ("10",),
    "values": ("1", "2"), "version": (5,), "command_names": ("get", "client|list"), "commands": ("get", "set"),
}  # fmt: skip
"""By parameter: what its texts and numbers become, in turn; () leaves them."""

QUIET = frozenset({"block", "host", "ip", "numlocal", "numreplicas", "port", "timeout"})
"""Parameters whose values always make sense."""

OWN_ATOMS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ACL DRYRUN": {"command": ("INFO",), "args": ("server", "clients")},
    "ACL GENPASS": {"bits": (64,)},
    "ARDELRANGE": {"ranges": (0, 3)},
    "ARGREP": {"start": ("-",), "end": ("+",), "match": ("1",), "glob": ("*",), "re": ("v.*",)},
    "AROP": {"match": ("1",), "end": (3,)},
    "AUTH": {"password": ("secret",)},
    "BITFIELD_RO": {"gets": ("u8", "0")},
    "CLIENT KILL": {"id": (99999,), "not_id": (99999,), "redirect": (), "type": (), "idle": (99999,), "maxage": (99999,)},
    "CLIENT LIST": {"id": (1, 2), "type": (), "idle": (1,), "maxage": (1,), "db": (0,)},
    "CLIENT PAUSE": {"timeout": (1,)},
    "CLIENT TRACKING": {"prefix": ("a:", "b:")},
    "CLUSTERSCAN": {"cursor": ("0",)},
    "COMMAND LIST": {"pattern": ("g*",)},
    "CONFIG SET": {"parameter": ("hz", "10", "lfu-decay-time", "1")},
    "EVAL": {"args": ("a1",)},
    "GEOADD": {"members": ()},
    "FAILOVER": {"timeout": (100,)},
    "GETBIT": {"offset": (2,)},
    "HSET": {"field": ("f1", "1", "f2", "2")},
    "HSETNX": {"field": ("f9",)},
    "HELLO": {"auth": ("u1", "secret")},
    "LATENCY HISTORY": {"event": ("command",)},
    "LSET": {"element": ("m9",)},
    "MEMORY USAGE": {"samples": (2,)},
    "MIGRATE": {"timeout": (1000,)},
    "MODULE LOADEX": {"config": ("name", "value")},
    "MODULE UNLOAD": {"name": ("nosuch",)},
    "OBJECT FREQ": {},
    "PFDEBUG": {"subcommand": ("ENCODING",)},
    "PFADD": {"elements": ("m8", "m9")},
    "PSETEX": {"milliseconds": (100000,)},
    "RESTORE": {"ttl": (100000,), "freq": (5,)},
    "SADD": {"members": ("m8", "m9")},
    "SETBIT": {"value": (1,), "offset": (7,)},
    "SWAPDB": {},
    "WAIT": {"timeout": (1,)},
    "WAITAOF": {"timeout": (1,)},
    "XACKDEL": {},
    "XADD": {"fields": ("f1", "1", "f2", "2"), "limit": (5,)},
    "VADD": {"reduce": (2,), "element": ("m9",), "setattr": ("{}",)},
    "VRANGE": {"start": ("-",), "end": ("+",)},
    "VSETATTR": {"json": ("{}",)},
    "VSIM": {"filter": (".year > 1950",)},
    "XAUTOCLAIM": {"start": ("0-0",), "min_idle_time": (0,)},
    "XCLAIM": {"min_idle_time": (0,)},
    "XGROUP CREATE": {"group": ("g2",), "id": ("0",)},
    "XGROUP CREATECONSUMER": {"consumer": ("c9",)},
    "XGROUP SETID": {"id": ("0",)},
    "XIDMPRECORD": {"stream_id": ("1-1",)},
    "XPENDING": {"start": ("-",), "end": ("+",), "idle": (0,)},
    "XRANGE": {"start": ("-",), "end": ("+",)},
    "XREADGROUP": {"streams": (">",)},
    "XREVRANGE": {"start": ("-",), "end": ("+",)},
    "XTRIM": {"limit": (5,), "threshold": (1,), "maxlen": (1,), "minid": ("2-1",)},
    "ZADD": {"mapping": ("m1", "", "m9", "")},
    "ZREVRANGEBYLEX": {"max": ("+",), "min": ("-",)},
    "BLMOVEM": {"exactly": (1,)},
    "CLUSTER COUNTKEYSINSLOT": {"slot": (0,)},
    "CLUSTER KEYSLOT": {"key": ("k1",)},
    "CLUSTER SLOT-STATS": {"slotsrange": (0, 5), "orderby": ("key-count",)},
    "CLUSTER ADDSLOTSRANGE": {"ranges": (0, 1)},
    "CLUSTER DELSLOTSRANGE": {"ranges": (100, 101)},
    "CLUSTER DELSLOTS": {"slots": (100, 101)},
    "CLUSTER FLUSHSLOT": {"slot": (100,)},
    "CLUSTER MIGRATESLOTS": {"groups": (100, 101)},
    "CLUSTER MIGRATION": {"import_": (0, 1), "status": ("0" * 40,), "cancel": ("0" * 40,)},
    "CLUSTER SET-CONFIG-EPOCH": {"config_epoch": (5,)},
    "CLUSTER SETSLOT": {"slot": (100,), "timeout": (100,)},
    "TRIMSLOTS": {"slots": (0, 1)},
}  # fmt: skip
"""The same for one command."""

WHOLE: dict[tuple[str, str], Whole] = {
    ("BITFIELD", "operations"): _operations,
    ("CLIENT TRACKING", "redirect"): lambda _, facts: facts.id,
    ("CLUSTER COUNT-FAILURE-REPORTS", "node_id"): lambda _, facts: Sample(facts.node),
    ("CLUSTER REPLICAS", "node_id"): lambda _, facts: Sample(facts.node),
    ("CLUSTER SLAVES", "node_id"): lambda _, facts: Sample(facts.node),
    ("CLUSTER SETSLOT", "node"): lambda _, facts: Sample(facts.node),
    ("CONFIG SET", "mapping"): lambda given, _: dict([("hz", 10), ("lfu-decay-time", 1)][: len(given["mapping"])]),
    ("DEBUG", "args"): lambda given, _: ((), (0,), (1, "p"))[len(given["args"])],
    ("DEBUG", "subcommand"): lambda given, _: ("CHANGE-REPL-ID", "SLEEP", "POPULATE")[len(given.get("args", ()))],
    ("FUNCTION RESTORE", "serialized_value"): lambda _, facts: facts.functions,
    ("GEOSEARCH", "bypolygon"): _polygon,
    ("GEOSEARCH", "fromlonlat"): lambda *_: (14.0, 38.0),
    ("GEOSEARCHSTORE", "bypolygon"): _polygon,
    ("GEOSEARCHSTORE", "fromlonlat"): lambda *_: (14.0, 38.0),
    ("HELLO", "protover"): lambda _, facts: facts.protocol,
    ("MIGRATE", "port"): lambda _, facts: facts.port,
    ("RESTORE", "serialized_value"): lambda _, facts: facts.dump,
    ("SORT", "get"): lambda given, _: [Sample("#"), Sample("v_*")][: len(given["get"])],
    ("SORT_RO", "get"): lambda given, _: [Sample("#"), Sample("v_*")][: len(given["get"])],
    ("COMMAND GETKEYS", "args"): _set_words,
    ("COMMAND GETKEYS", "command"): lambda *_: Sample("MGET"),
    ("COMMAND GETKEYSANDFLAGS", "args"): _set_words,
    ("COMMAND GETKEYSANDFLAGS", "command"): lambda *_: Sample("MGET"),
    ("VADD", "vector"): _vector,
    ("VSIM", "query"): _query,
    ("XADD", "id"): lambda *_: Sample("9-1"),
    ("ZINTER", "weights"): _weights,
    ("ZINTERSTORE", "weights"): _weights,
    ("ZUNION", "weights"): _weights,
    ("ZUNIONSTORE", "weights"): _weights,
    ("ZRANGE", "start"): _bound(True),
    ("ZRANGE", "stop"): _bound(False),
    ("ZRANGESTORE", "min"): _bound(True),
    ("ZRANGESTORE", "max"): _bound(False),
}  # fmt: skip
"""By command and parameter: a function of the call's other arguments and the server that gives the argument."""

KEYSETS: dict[str, tuple[Line, ...]] = {
    "string": (("SET", "{}", "10"),),
    "bitmap": (("SET", "{}", "10"),),
    "hash": (("HSET", "{}", "f1", "1", "f2", "2"),),
    "list": (("RPUSH", "{}", "m1", "m2", "m1"),),
    "set": (("SADD", "{}", "m1", "m2"),),
    "sorted-set": (("ZADD", "{}", "1", "m1", "2.5", "m2"),),
    "geo": (("GEOADD", "{}", "13.361389", "38.115556", "m1", "15.087269", "37.502669", "m2"),),
    "hyperloglog": (("PFADD", "{}", "m1", "m2"),),
    "stream": (
        ("XADD", "{}", "1-1", "f1", "1"), ("XADD", "{}", "2-1", "f1", "2", "f2", "3"),
        ("XGROUP", "CREATE", "{}", "g1", "0"), ("XREADGROUP", "GROUP", "g1", "c1", "COUNT", "1", "STREAMS", "{}", ">"),
    ),
    "array": (("ARMSET", "{}", "0", "v0", "1", "1", "5", "v5"),),
    "generic": (("SET", "{}", "10"),),
    "module": (),
    "vectorset": (
        ("VADD", "{}", "VALUES", "3", "1", "0", "0.5", "m1", "SETATTR", '{"year":1980}'),
        ("VADD", "{}", "VALUES", "3", "0", "1", "0.25", "m2"),
    ),
}  # fmt: skip
"""By group: what makes a key of the type that its commands work on."""

HOTKEYS: tuple[Line, ...] = (
    ("HOTKEYS", "STOP"), ("HOTKEYS", "RESET"), ("HOTKEYS", "START", "METRICS", "2", "CPU", "NET"), ("SET", "k1", "10"),
)  # fmt: skip

USER: Line = ("ACL", "SETUSER", "u1", "reset", "on", ">secret", "~*", "&*", "+@all")

SLOW: tuple[Line, ...] = (("CONFIG", "SET", "commandlog-execution-slower-than", "0"), ("GET", "k1"))

BEFORE: dict[str, tuple[Line, ...]] = {
    "COMMANDLOG GET": SLOW,
    "COMMANDLOG LEN": SLOW,
    "DBSIZE": (("SET", "k1", "10"),),
    "KEYS": (("SET", "k1", "10"),),
    "PERSIST": (("EXPIRE", "k1", "100000"),),
    "RANDOMKEY": (("SET", "k1", "10"),),
    "SCAN": (("SET", "k1", "10"),),
    "SETNX": (("DEL", "k1"),),
    "COPY": (("DEL", "k2"),),
    "RENAMENX": (("DEL", "k2"),),
    "RESTORE": (("DEL", "k1"),),
    "MSETNX": (("DEL", "k1", "k2"),),
    "EXPIRETIME": (("EXPIREAT", "k1", "4102444800"),),
    "PEXPIRETIME": (("EXPIREAT", "k1", "4102444800"),),
    "HEXPIRETIME": (("HEXPIREAT", "k1", "4102444800", "FIELDS", "1", "f1"),),
    "HPEXPIRETIME": (("HEXPIREAT", "k1", "4102444800", "FIELDS", "1", "f1"),),
    "OBJECT FREQ": (("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"),),
    "OBJECT IDLETIME": (("CONFIG", "SET", "maxmemory-policy", "noeviction"),),
    "SORT": (("DEL", "k1"), ("RPUSH", "k1", "2", "1"), ("MSET", "v_1", "one", "v_2", "two", "w_1", "5", "w_2", "4")),
    "SORT_RO": (("DEL", "k1"), ("RPUSH", "k1", "2", "1"), ("MSET", "v_1", "one", "v_2", "two", "w_1", "5", "w_2", "4")),
    "LATENCY HISTORY": (("CONFIG", "SET", "latency-monitor-threshold", "1"), ("DEBUG", "SLEEP", "0.002")),
    "LATENCY LATEST": (("CONFIG", "SET", "latency-monitor-threshold", "1"), ("DEBUG", "SLEEP", "0.002")),
    "LATENCY GRAPH": (("CONFIG", "SET", "latency-monitor-threshold", "1"), ("DEBUG", "SLEEP", "0.002")),
    "SLOWLOG GET": (("CONFIG", "SET", "slowlog-log-slower-than", "0"),),
    "ACL LOG": (("AUTH", "u1", "wrong"),),
    "FUNCTION LOAD": (("FUNCTION", "FLUSH"),),
    "HOTKEYS GET": HOTKEYS,
    "HOTKEYS RESET": (*HOTKEYS, ("HOTKEYS", "STOP")),
    "HOTKEYS START": HOTKEYS[:2],
    "HOTKEYS STOP": HOTKEYS,
    "FUNCTION RESTORE": (("FUNCTION", "FLUSH"),),
    "PFDEBUG": (("DEL", "k1"), ("PFADD", "k1", "m1")),
    "CLUSTER SLOT-STATS": (("CLUSTER", "FLUSHSLOTS"), ("CLUSTER", "ADDSLOTSRANGE", "0", "9")),
    "TRIMSLOTS": (("CLUSTER", "FLUSHSLOTS"),),
    "VADD": (("DEL", "k1"),),
    "CLUSTER ADDSLOTS": (("CLUSTER", "FLUSHSLOTS"),),
    "CLUSTER ADDSLOTSRANGE": (("CLUSTER", "FLUSHSLOTS"),),
}  # fmt: skip
"""By command: raw commands that prepare what it needs, after its keys are made."""

HERE: dict[str, tuple[Line, ...]] = {
    "CLIENT GETNAME": (("CLIENT", "SETNAME", "name1"),),
    "HIMPORT SET": (("HIMPORT", "PREPARE", "set1", "f1", "f2"),),
    "HIMPORT DISCARD": (("HIMPORT", "PREPARE", "set1", "f1", "f2"),),
    "CLIENT CACHING": (("CLIENT", "TRACKING", "ON", "OPTIN"),),
}
"""By command: raw commands that go before it over its own connection."""

AFTER: dict[str, tuple[Line, ...]] = {
    "REPLICAOF": (("REPLICAOF", "NO", "ONE"),),
    "SLAVEOF": (("REPLICAOF", "NO", "ONE"),),
    "SWAPDB": (("SWAPDB", "0", "1"),),
    "CLIENT PAUSE": (("CLIENT", "UNPAUSE"),),
}  # fmt: skip
"""By command: raw commands that undo what it did to the server."""

ALWAYS: tuple[Line, ...] = (
    ("FUNCTION", "LOAD", "REPLACE", LIBRARY),
    ("SCRIPT", "LOAD", SCRIPT),
)
"""What stands on the server before each command's first call, besides the keys."""


WHOLE_CLUSTER: tuple[Line, ...] = (("CLUSTER", "RESET", "SOFT"), ("CLUSTER", "ADDSLOTSRANGE", "0", "16383"))
"""What gives a node all slots again."""


@dataclass
class Adapter:
    """Makes a command's enumerated calls into calls for one server.

    Attributes:
        method: the command's method.
        facts: what values need to know of the server.
        sense: give values that mean something; else only what keeps calls from waiting or leaving the machine.
        keys: the keys of the last call.
    """

    method: Method
    facts: Facts
    sense: bool = True
    keys: list[str] = field(default_factory=list[str])

    def call(self, given: Given) -> Given:
        """Return the arguments to pass. ``keys`` then names the keys among them."""
        names: dict[str, str] = {}
        made: Given = {}
        for param in self.method.params:
            if param.name in given:
                whole = WHOLE.get((self.method.command, param.name)) if self.sense else None
                made[param.name] = (
                    whole(given, self.facts)
                    if whole is not None
                    else self._value(given[param.name], param, self._atoms(param), names)
                )
        self.keys = list(names.values())
        return made

    def _atoms(self, param: Param) -> Iterator[Any]:
        own = OWN_ATOMS.get(self.method.command, {})
        if not self.sense and param.name not in QUIET:
            return iter(())
        found = own.get(param.name, ATOMS.get(param.name, ()))
        return cycle(found) if found else iter(())

    def _value(self, value: Any, param: Param, atoms: Iterator[Any], names: dict[str, str]) -> Any:
        if isinstance(value, KeySample):
            return KeySample(names.setdefault(str(value), f"k{len(names) + 1}"))
        if isinstance(value, dict):
            pairs = [
                (self._value(k, param, atoms, names), self._value(v, param, atoms, names)) for k, v in value.items()
            ]
            return dict(pairs)
        if isinstance(value, list | tuple):
            return type(value)(self._value(each, param, atoms, names) for each in value)
        if isinstance(value, bool) or type(value) is str:
            return value
        if "ScoreBound" in param.type or not isinstance(value, Sample | int | float | dt.timedelta):
            return value
        return _like(value, next(atoms, value), param.type)


def _like(value: Any, atom: Any, annotation: str) -> Any:
    """Return ``atom`` in the form of ``value``: a number stays a number, a timedelta one."""
    if isinstance(value, dt.timedelta):
        if isinstance(atom, dt.timedelta):
            return atom
        return dt.timedelta(milliseconds=atom) if "Milliseconds" in annotation else dt.timedelta(seconds=atom)
    if isinstance(value, Sample):
        return Sample(atom) if isinstance(atom, str) else atom
    return atom if isinstance(atom, int | float) else value
