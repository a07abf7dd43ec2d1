"""The commands on keys of any type."""

from __future__ import annotations

import datetime as dt

import pytest

from redpoll.errors import BusyKey, ServerError
from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Case, Raises, Table, case, left

FAR = 4_000_000_000
SOON = dt.datetime.fromtimestamp(FAR, dt.UTC)
V = "SET k v"
T = "SET k v EX 100"
L = "RPUSH l 3 1 2"
NAMED = ("RPUSH l 2 1", "MSET w_1 9 w_2 8 n_1 one")

CASES: list[Case] = [
    case(lambda c: c.copy("k", "o"), True, V, then={"GET o": "v"}),
    case(lambda c: c.copy("k", "o"), False, V, "SET o w"),
    case(lambda c: c.copy("k", "o", replace=True), True, V, "SET o w", then={"GET o": "v"}),
    case(lambda c: c.copy("k", "k", db=1), True, V),
    case(lambda c: c.delete("k", "q"), 1, V, then={"EXISTS k": 0}),
    case(lambda c: c.delete(["k"], b"q"), 1, V),
    case(lambda c: c.dump("k"), lambda v: v[:3] == b"\x00\x01v" and len(v) == 13, V),
    case(lambda c: c.dump("k"), lambda v: b"\xff\xfe" in v, ("SET", "k", b"\xff\xfe")),
    case(lambda c: c.dump("none"), None),
    case(lambda c: c.exists("k", "k", "q"), 2, V),
    case(lambda c: c.expire("k", 100), True, V, then={"TTL k": 100}),
    case(lambda c: c.expire("k", dt.timedelta(hours=1)), True, V, then={"TTL k": 3600}),
    case(lambda c: c.expire("none", 100), False),
    case(lambda c: c.expire("k", 300, nx=True), False, T),
    case(lambda c: c.expire("k", 300, xx=True), True, T, then={"TTL k": 300}),
    case(lambda c: c.expire("k", 50, gt=True), False, T),
    case(lambda c: c.expire("k", 50, lt=True), True, T, then={"TTL k": 50}),
    case(lambda c: c.expireat("k", SOON), True, V, then={"EXPIRETIME k": FAR}),
    case(lambda c: c.expireat("k", FAR, nx=True), False, T),
    case(lambda c: c.expiretime("k"), FAR, f"SET k v EXAT {FAR}"),
    case(lambda c: c.expiretime("k"), -1, V),
    case(lambda c: c.expiretime("none"), -2),
    case(lambda c: c.keys(), ["k"], V),
    case(lambda c: c.keys("q*"), [], V),
    case(lambda c: c.move("k", 1), True, V, then={"EXISTS k": 0}),
    case(lambda c: c.move("none", 1), False),
    case(lambda c: c.object_encoding("k"), "int", "SET k 10"),
    case(lambda c: c.object_encoding("none"), None),
    case(lambda c: c.object_freq("k"), Raises("LFU", ServerError), V),
    case(lambda c: c.object_help(), lambda v: v[0].startswith("OBJECT <subcommand>")),
    case(lambda c: c.object_idletime("k"), lambda v: 0 <= v < 10, V),
    case(lambda c: c.object_idletime("none"), None),
    case(lambda c: c.object_refcount("l"), 1, L),
    case(lambda c: c.object_refcount("none"), None),
    case(lambda c: c.persist("k"), True, T, then={"TTL k": -1}),
    case(lambda c: c.persist("k"), False, V),
    case(lambda c: c.pexpire("k", 100_000), True, V, then={"TTL k": 100}),
    case(lambda c: c.pexpire("k", dt.timedelta(milliseconds=50_000), lt=True), True, V, then={"TTL k": 50}),
    case(lambda c: c.pexpireat("k", FAR * 1000), True, V, then={"EXPIRETIME k": FAR}),
    case(lambda c: c.pexpireat("k", SOON, gt=True), True, T, then={"PEXPIRETIME k": FAR * 1000}),
    case(lambda c: c.pexpiretime("k"), FAR * 1000, f"SET k v EXAT {FAR}"),
    case(lambda c: c.pttl("k"), lambda v: 95_000 < v <= 100_000, T),
    case(lambda c: c.pttl("none"), -2),
    case(lambda c: c.randomkey(), "k", V),
    case(lambda c: c.randomkey(), None),
    case(lambda c: c.rename("k", "o"), True, V, then={"GET o": "v"}),
    case(lambda c: c.rename("none", "o"), Raises("no such key", ServerError)),
    case(lambda c: c.renamenx("k", "o"), True, V),
    case(lambda c: c.renamenx("k", "o"), False, V, "SET o w"),
    case(lambda c, dump: c.restore("o", 0, dump), True, V, given="DUMP k", then={"GET o": "v", "TTL o": -1}),
    case(lambda c, dump: c.restore("k", 0, dump), Raises("BUSYKEY", BusyKey), V, given="DUMP k"),
    case(
        lambda c, dump: c.restore("k", 100_000, dump, replace=True, idletime=30),
        True,
        V,
        given="DUMP k",
        then={"TTL k": 100},
    ),
    case(
        lambda c, dump: c.restore("o", FAR * 1000, dump, absttl=True, freq=3),
        True,
        V,
        given="DUMP k",
        then={"EXPIRETIME o": FAR},
    ),
    case(lambda c: c.scan(), (0, ["k"]), V),
    case(lambda c: c.scan(0, match="k*", count=100, type="string"), (0, ["k"]), V, L),
    case(lambda c: c.scan(0, type="hash"), (0, []), V),
    case(lambda c: c.sort("l"), ["1", "2", "3"], L),
    case(lambda c: c.sort("l", offset=1, num=1, desc=True), ["2"], L),
    case(lambda c: c.sort("l", alpha=True, asc=True), ["a", "b"], "RPUSH l b a"),
    case(lambda c: c.sort("l", by="w_*"), ["2", "1"], *NAMED),
    case(lambda c: c.sort("l", by="w_*", get=["#", "n_*"]), ["2", None, "1", "one"], *NAMED),
    case(lambda c: c.sort("l", by="nosort", get="n_*"), [None, "one"], *NAMED),
    case(lambda c: c.sort("l", store="o"), 3, L, then={"LRANGE o 0 -1": ["1", "2", "3"]}),
    case(lambda c: c.sort("none"), []),
    case(lambda c: c.sort_ro("l"), ["1", "2", "3"], L),
    case(lambda c: c.sort_ro("l", get=["n_*"], desc=True), [None, "one"], *NAMED),
    case(lambda c: c.sort_ro("l", get="n_*", desc=True), [None, "one"], *NAMED),
    case(lambda c: c.touch("k", "q"), 1, V),
    case(lambda c: c.ttl("k"), left(100), T),
    case(lambda c: c.ttl("k"), -1, V),
    case(lambda c: c.ttl("none"), -2),
    case(lambda c: c.type("l"), "list", L),
    case(lambda c: c.type("none"), "none"),
    case(lambda c: c.unlink("k", ["q"]), 1, V),
]

FREQUENCY = [case(lambda c: c.object_freq("k"), lambda v: 0 < v < 20, V), case(lambda c: c.object_freq("none"), None)]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)


async def test_frequencies(table: Table, subtests: pytest.Subtests) -> None:
    await table.client.config_set({"maxmemory-policy": "allkeys-lfu"})
    await table.run(FREQUENCY, subtests)


@pytest.mark.covers("migrate")
async def test_migrate(table: Table, other: EmbeddedServer) -> None:
    c = table.checked
    assert await c.migrate(other.host, other.port, "none", 0, 1000) is False
    await table.client.mset({"k": "v", "l": "w", "m": "x"})
    assert await c.migrate(other.host, other.port, "k", 0, dt.timedelta(seconds=1), copy=True) is True
    assert await c.migrate(other.host, other.port, ["k", "l"], 0, 1000, replace=True) is True
    assert await table.client.exists("k", "l", "m") == 1
    assert other.call("MGET", "k", "l", "m") == ["v", "w", None]
    other.call("ACL", "SETUSER", "mover", "on", ">secret", "~*", "+@all")
    assert await c.migrate(other.host, other.port, "m", 0, 1000, auth2=("mover", "secret")) is True
    assert other.call("GET", "m") == "x"
