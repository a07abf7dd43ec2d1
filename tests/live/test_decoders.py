"""Each family of data replies, from real servers, over both protocols and both readers: always the same value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import hiredis
import pytest

from redpoll import decoders as d
from redpoll.records import data as data_records
from redpoll.records import streams as streams_records
from redpoll.testing import EmbeddedServer
from tests.live.raw import Raw

Line = str | Sequence[Any]
TextOf = Callable[[str], Any]


@dataclass(frozen=True)
class Case:
    """One command; ``expected`` gets the function that makes the reader's text, and gives the value."""

    call: Line
    decode: Callable[[Any], Any] | None
    expected: Callable[[TextOf], Any]
    setup: tuple[Line, ...] = ()
    needs: str | None = None

    def __str__(self) -> str:
        return self.call if isinstance(self.call, str) else " ".join(map(str, self.call))


MODES = [(2, True), (2, False), (3, True), (3, False)]

ZSET = "ZADD z 1 a 2.5 b +inf c -inf d"
STREAM = ("XADD x 1-1 f v", "XADD x 2-1 f v g w", "XADD x 3-1 f v", "XGROUP CREATE x gr 0")
PENDING = (*STREAM, "XREADGROUP GROUP gr c1 STREAMS x >", "XDEL x 2-1")
GEO = "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"
NEAR = "GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km ASC"
LCS = ("SET k1 ohmytext", "SET k2 mynewtext")
VECTORS = ("VADD v VALUES 2 1 0 e1 NOQUANT SETATTR {}", "VADD v VALUES 2 0 1 e2 NOQUANT")
PALERMO = (13.361389338970184, 38.1155563954963)
CATANIA = (15.087267458438873, 37.50266842333162)


def all_scores(t: TextOf) -> Any:
    return [(t("d"), -math.inf), (t("a"), 1.0), (t("b"), 2.5), (t("c"), math.inf)]


def entry(t: TextOf, id_: str, **fields: str) -> Any:
    return t(id_), {t(name): t(value) for name, value in fields.items()}


def three(t: TextOf) -> Any:
    return [entry(t, "1-1", f="v"), entry(t, "2-1", f="v", g="w"), entry(t, "3-1", f="v")]


def lcs(*matches: tuple[tuple[int, int], tuple[int, int]]) -> data_records.LcsMatches:
    return data_records.LcsMatches(6, [data_records.LcsMatch(*match) for match in matches])


BASIC = [
    Case("SET k v", d.ok, lambda t: True),
    Case("SET k w NX", d.ok, lambda t: False, ("SET k v",)),
    Case("SET k w GET", None, lambda t: t("v"), ("SET k v",)),
    Case("SETNX k v", d.flag, lambda t: True),
    Case("EXPIRE none 10", d.flag, lambda t: False),
    Case("INCRBYFLOAT n 0.5", d.to_float, lambda t: 10.5, ("SET n 10",)),
    Case("HINCRBYFLOAT h f 0.5", d.to_float, lambda t: 1.5, ("HSET h f 1",)),
    Case("TYPE none", d.to_str, lambda t: "none"),
    Case("OBJECT ENCODING n", d.opt(d.to_str), lambda t: "int", ("SET n 10",)),
    Case("OBJECT ENCODING none", d.opt(d.to_str), lambda t: None),
    Case("SMISMEMBER s a q", d.list_of(d.flag), lambda t: [True, False], ("SADD s a",)),
    Case("SMEMBERS s", d.set_of(None), lambda t: {t("a"), t("b")}, ("SADD s a b",)),
    Case("SPOP s 5", d.set_of(None), lambda t: {t("a"), t("b")}, ("SADD s a b",)),
    Case("SDIFF none", d.set_of(None), lambda t: set()),
    Case("BITFIELD n OVERFLOW FAIL INCRBY u2 0 4 GET u8 0", d.list_of(None), lambda t: [None, 0]),
    Case("WAITAOF 0 0 10", d.tuple_of(None, None), lambda t: (0, 0)),
    Case("MGET a b", d.list_of(None), lambda t: [t("1"), None], ("SET a 1",)),
    Case("PUBSUB NUMSUB a b", d.map_of(None, None), lambda t: {t("a"): 0, t("b"): 0}),
    Case("CONFIG GET maxmemory", d.map_of(d.to_str, d.to_str), lambda t: {"maxmemory": "0"}),
    Case("SORT l ALPHA GET # GET none_*", None, lambda t: [t("a"), None], ("RPUSH l a",)),
    Case("SORT l ALPHA STORE o", None, lambda t: 1, ("RPUSH l a",)),
    Case("COMMAND GETKEYS SET k v", None, lambda t: [t("k")]),
    Case(
        "COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT",
        d.commands.keys_and_flags,
        lambda t: [(t("a"), ["RW", "access", "delete"]), (t("b"), ["RW", "insert"])],
    ),
]

HASHES = [
    Case("HGETALL h", d.map_of(None, None), lambda t: {t("f"): t("1"), t("g"): t("2")}, ("HSET h f 1 g 2",)),
    Case("HGETALL none", d.map_of(None, None), lambda t: {}),
    Case(
        "HRANDFIELD h 9 WITHVALUES",
        d.pairs_of(None, None),
        lambda t: [(t("f"), t("1")), (t("g"), t("2"))],
        ("HSET h f 1 g 2",),
    ),
    Case("HRANDFIELD h -2 WITHVALUES", d.pairs_of(None, None), lambda t: [(t("f"), t("1"))] * 2, ("HSET h f 1",)),
    Case("HRANDFIELD none 2 WITHVALUES", d.pairs_of(None, None), lambda t: []),
    Case("HSCAN h 0", d.hscan, lambda t: (0, {t("f"): t("1")}), ("HSET h f 1",)),
    Case("HSCAN h 0 NOVALUES", d.scan, lambda t: (0, [t("f")]), ("HSET h f 1",)),
    Case("HTTL h FIELDS 2 f q", None, lambda t: [-1, -2], ("HSET h f 1",)),
    Case("HTTL none FIELDS 2 f q", None, lambda t: [-2, -2]),
    Case("HEXPIRE h 100 FIELDS 2 f q", None, lambda t: [1, -2], ("HSET h f 1",)),
    Case("HPERSIST h FIELDS 2 f q", None, lambda t: [-1, -2], ("HSET h f 1",)),
    Case("HGETEX h FIELDS 2 f q", None, lambda t: [t("1"), None], ("HSET h f 1",)),
    Case("HGETDEL h FIELDS 2 f q", None, lambda t: [t("1"), None], ("HSET h f 1",)),
    Case("HSETEX h FIELDS 1 f 1", d.flag, lambda t: True),
]

LISTS = [
    Case("BLPOP l 1", d.opt(d.key_value), lambda t: (t("l"), t("a")), ("RPUSH l a b",)),
    Case("BLPOP none 0.01", d.opt(d.key_value), lambda t: None),
    Case("LMPOP 1 l LEFT COUNT 2", d.opt(d.key_list), lambda t: (t("l"), [t("a"), t("b")]), ("RPUSH l a b c",)),
    Case("BLMPOP 1 1 l RIGHT", d.opt(d.key_list), lambda t: (t("l"), [t("c")]), ("RPUSH l a b c",)),
    Case("LMPOP 1 none LEFT", d.opt(d.key_list), lambda t: None),
    Case("LPOP l 2", None, lambda t: [t("a"), t("b")], ("RPUSH l a b",)),
    Case("LPOP none 2", None, lambda t: None),
    Case("LPOS l a", None, lambda t: 0, ("RPUSH l a b a",)),
    Case("LPOS l q", None, lambda t: None, ("RPUSH l a b a",)),
    Case("LPOS l a COUNT 0", None, lambda t: [0, 2], ("RPUSH l a b a",)),
    Case("LPOS none a COUNT 0", None, lambda t: []),
    Case("SCAN 0 COUNT 100", d.scan, lambda t: (0, [t("k")]), ("SET k v",)),
    Case("SSCAN s 0", d.scan, lambda t: (0, [t("a")]), ("SADD s a",)),
    Case("LCS k1 k2", None, lambda t: t("mytext"), LCS),
    Case("LCS k1 k2 LEN", None, lambda t: 6, LCS),
    Case("LCS k1 k2 IDX", d.matches.lcs_matches, lambda t: lcs(((4, 7), (5, 8)), ((2, 3), (0, 1))), LCS),
    Case("LCS k1 k2 IDX WITHMATCHLEN MINMATCHLEN 3", d.matches.lcs_matches, lambda t: lcs(((4, 7), (5, 8))), LCS),
]

SORTED_SETS = [
    Case("ZRANGE z 0 -1 WITHSCORES", d.scored, all_scores, (ZSET,)),
    Case("ZRANGE none 0 -1 WITHSCORES", d.scored, lambda t: []),
    Case("ZRANGEBYSCORE z 1 1 WITHSCORES", d.scored, lambda t: [(t("a"), 1.0)], (ZSET,)),
    Case("ZREVRANGE z 0 0 WITHSCORES", d.scored, lambda t: [(t("c"), math.inf)], (ZSET,)),
    Case("ZUNION 1 z WITHSCORES", d.scored, all_scores, (ZSET,)),
    Case("ZDIFF 1 z WITHSCORES", d.scored, all_scores, (ZSET,)),
    Case("ZRANDMEMBER z -2 WITHSCORES", d.scored, lambda t: [(t("a"), 1.0)] * 2, ("ZADD z 1 a",)),
    Case("ZPOPMIN z", d.popped_one, lambda t: (t("d"), -math.inf), (ZSET,)),
    Case("ZPOPMAX none", d.popped_one, lambda t: None),
    Case("ZPOPMIN z 1", d.scored, lambda t: [(t("d"), -math.inf)], (ZSET,)),
    Case("ZPOPMAX z 2", d.scored, lambda t: [(t("c"), math.inf), (t("b"), 2.5)], (ZSET,)),
    Case("ZPOPMAX none 2", d.scored, lambda t: []),
    Case("ZRANK z a WITHSCORE", d.opt(d.rank_score), lambda t: (1, 1.0), (ZSET,)),
    Case("ZREVRANK z q WITHSCORE", d.opt(d.rank_score), lambda t: None, (ZSET,)),
    Case("ZSCORE z d", d.opt(d.to_float), lambda t: -math.inf, (ZSET,)),
    Case("ZMSCORE z a q", d.list_of(d.opt(d.to_float)), lambda t: [1.0, None], (ZSET,)),
    Case("ZADD z INCR 1 a", d.opt(d.to_float), lambda t: 2.0, (ZSET,)),
    Case("ZADD z NX INCR 1 a", d.opt(d.to_float), lambda t: None, (ZSET,)),
    Case("ZINCRBY z 1 b", d.to_float, lambda t: 3.5, (ZSET,)),
    Case("BZPOPMIN z 1", d.opt(d.key_member_score), lambda t: (t("z"), t("d"), -math.inf), (ZSET,)),
    Case("BZPOPMAX none 0.01", d.opt(d.key_member_score), lambda t: None),
    Case(
        "ZMPOP 1 z MIN COUNT 2", d.opt(d.key_scored), lambda t: (t("z"), [(t("d"), -math.inf), (t("a"), 1.0)]), (ZSET,)
    ),
    Case("BZMPOP 1 1 z MAX", d.opt(d.key_scored), lambda t: (t("z"), [(t("c"), math.inf)]), (ZSET,)),
    Case("ZMPOP 1 none MIN", d.opt(d.key_scored), lambda t: None),
    Case("ZSCAN z 0", d.zscan, lambda t: (0, all_scores(t)), (ZSET,)),
    Case("ZSCAN z 0 NOSCORES", d.scan, lambda t: (0, [t("d"), t("a"), t("b"), t("c")]), (ZSET,), needs="valkey"),
]

GEOS = [
    Case("GEOPOS geo Palermo q", d.geo_positions, lambda t: [pytest.approx(PALERMO), None], (GEO,)),
    Case("GEODIST geo Palermo Catania", d.opt(d.to_float), lambda t: 166274.1516, (GEO,)),
    Case("GEODIST geo Palermo q", d.opt(d.to_float), lambda t: None, (GEO,)),
    Case("GEOHASH geo Palermo q", d.list_of(d.opt(d.to_str)), lambda t: ["sqc8b49rny0", None], (GEO,)),
    Case(
        f"{NEAR} WITHDIST",
        d.matches.geo_found,
        lambda t: [data_records.GeoResult(t("Catania"), 56.4413), data_records.GeoResult(t("Palermo"), 190.4424)],
        (GEO,),
    ),
    Case(
        f"{NEAR} WITHHASH",
        d.matches.geo_found,
        lambda t: [
            data_records.GeoResult(t("Catania"), hash=3479447370796909),
            data_records.GeoResult(t("Palermo"), hash=3479099956230698),
        ],
        (GEO,),
    ),
    Case(
        f"{NEAR} COUNT 1 WITHCOORD WITHDIST WITHHASH",
        d.matches.geo_found,
        lambda t: [data_records.GeoResult(t("Catania"), 56.4413, 3479447370796909, pytest.approx(CATANIA))],
        (GEO,),
    ),
    Case(
        "GEORADIUS geo 15 37 100 km WITHCOORD",
        d.matches.geo_found,
        lambda t: [data_records.GeoResult(t("Catania"), position=pytest.approx(CATANIA))],
        (GEO,),
    ),
]

STREAMS = [
    Case("XRANGE x - +", d.entries, three, STREAM),
    Case("XREVRANGE x + - COUNT 1", d.entries, lambda t: [entry(t, "3-1", f="v")], STREAM),
    Case("XREAD STREAMS x none 0 0", d.xread, lambda t: {t("x"): three(t)}, STREAM),
    Case("XREAD STREAMS none 0", d.xread, lambda t: {}),
    Case("XREADGROUP GROUP gr c1 STREAMS x >", d.xreadgroup, lambda t: {t("x"): three(t)}, STREAM),
    Case(
        "XREADGROUP GROUP gr c1 STREAMS x 0",
        d.xreadgroup,
        lambda t: {t("x"): [entry(t, "1-1", f="v"), (t("2-1"), None), entry(t, "3-1", f="v")]},
        PENDING,
    ),
    Case("XCLAIM x gr c2 0 1-1 2-1", d.claimed, lambda t: [entry(t, "1-1", f="v")], PENDING),
    Case("XCLAIM x gr c2 0 1-1 3-1 JUSTID", None, lambda t: [t("1-1"), t("3-1")], PENDING),
    Case(
        "XAUTOCLAIM x gr c2 0 0 COUNT 2",
        d.stream_state.xautoclaim,
        lambda t: streams_records.AutoClaim(t("3-1"), [entry(t, "1-1", f="v")], [t("2-1")]),
        PENDING,
    ),
    Case(
        "XAUTOCLAIM x gr c2 0 0 JUSTID",
        d.stream_state.xautoclaim_ids,
        lambda t: streams_records.AutoClaimIds(t("0-0"), [t("1-1"), t("3-1")], [t("2-1")]),
        PENDING,
    ),
    Case(
        "XPENDING x gr",
        d.stream_state.xpending,
        lambda t: streams_records.PendingSummary(3, t("1-1"), t("3-1"), {t("c1"): 3}),
        PENDING,
    ),
    Case("XPENDING x gr", d.stream_state.xpending, lambda t: streams_records.PendingSummary(0, None, None, {}), STREAM),
    Case(
        "XINFO GROUPS x",
        d.stream_state.xinfo_groups,
        lambda t: [streams_records.StreamGroup(t("gr"), 0, 0, t("0-0"), None, 3)],
        STREAM,
    ),
    Case(
        "XINFO STREAM x",
        d.stream_state.xinfo_stream,
        lambda t: streams_records.StreamInfo(
            length=1,
            radix_tree_keys=1,
            radix_tree_nodes=2,
            groups=0,
            last_generated_id=t("1-1"),
            first_entry=entry(t, "1-1", f="v"),
            last_entry=entry(t, "1-1", f="v"),
            max_deleted_entry_id=t("0-0"),
            entries_added=1,
            recorded_first_entry_id=t("1-1"),
        ),
        ("XADD x 1-1 f v",),
    ),
]

VECTOR_SETS = [
    Case("VSIM v ELE e1", None, lambda t: [t("e1"), t("e2")], VECTORS, "redis"),
    Case(
        "VSIM v ELE e1 WITHSCORES", d.vectors.similar_scores, lambda t: {t("e1"): 1.0, t("e2"): 0.5}, VECTORS, "redis"
    ),
    Case(
        "VSIM v ELE e1 WITHATTRIBS",
        d.vectors.similar_attributes,
        lambda t: {t("e1"): t("{}"), t("e2"): None},
        VECTORS,
        "redis",
    ),
    Case(
        "VSIM v ELE e1 WITHSCORES WITHATTRIBS",
        d.vectors.similar_all,
        lambda t: {t("e1"): (1.0, t("{}")), t("e2"): (0.5, None)},
        VECTORS,
        "redis",
    ),
    Case("VSIM none ELE e1 WITHSCORES WITHATTRIBS", d.vectors.similar_all, lambda t: {}, (), "redis"),
    Case(
        "VLINKS v e1 WITHSCORES",
        lambda reply: d.vectors.link_scores(reply)[-1],
        lambda t: {t("e2"): 0.5},
        VECTORS,
        "redis",
    ),
    Case("VLINKS v q WITHSCORES", d.opt(d.vectors.link_scores), lambda t: None, VECTORS, "redis"),
    Case("VEMB v e1", d.opt(d.list_of(d.to_float)), lambda t: [1.0, 0.0], VECTORS, "redis"),
    Case("VISMEMBER v e1", d.flag, lambda t: True, VECTORS, "redis"),
    Case("VISMEMBER v q", d.flag, lambda t: False, VECTORS, "redis"),
    Case("VREM v q", d.flag, lambda t: False, VECTORS, "redis"),
    Case("VADD v VALUES 2 1 1 e1", d.flag, lambda t: False, ("VADD v VALUES 2 1 0 e1",), "redis"),
    Case("VGETATTR v e2", None, lambda t: None, VECTORS, "redis"),
    Case("VINFO none", d.opt(d.vectors.vector_set_info), lambda t: None, (), "redis"),
]

CASES = [*BASIC, *HASHES, *LISTS, *SORTED_SETS, *GEOS, *STREAMS, *VECTOR_SETS]


def words(line: Line) -> Sequence[Any]:
    return line.split(" ") if isinstance(line, str) else line


def kind_of(server: EmbeddedServer) -> str:
    return "valkey" if "valkey" in server.binary.name else "redis"


def ask(server: EmbeddedServer, protocol: int, text: bool, case: Case) -> Any:
    with Raw(server.port, protocol=protocol, text=text) as c:
        c.call("FLUSHALL")
        for line in case.setup:
            c.call(*words(line))
        reply = c.call(*words(case.call))
    return reply if case.decode is None else case.decode(reply)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_value_in_every_mode(server: EmbeddedServer, case: Case) -> None:
    if case.needs is not None and case.needs != kind_of(server):
        with pytest.raises(hiredis.ReplyError, match=r"unknown command|syntax error"):
            ask(server, 2, True, replace(case, decode=None))
        return
    for protocol, text in MODES:
        expected = case.expected(str if text else str.encode)
        value = ask(server, protocol, text, case)
        assert value == expected, (protocol, text)
        assert type(value) is type(expected)


def full(server: EmbeddedServer, protocol: int, text: bool) -> Any:
    return ask(
        server, protocol, text, Case("XINFO STREAM x FULL", d.stream_state.xinfo_stream_full, lambda t: None, PENDING)
    )


def test_xinfo_stream_full(server: EmbeddedServer) -> None:
    for protocol, text in MODES:
        t: TextOf = str if text else str.encode
        state = full(server, protocol, text)
        assert (state.length, state.entries_added, state.last_generated_id) == (2, 3, t("3-1"))
        assert state.entries == [entry(t, "1-1", f="v"), entry(t, "3-1", f="v")]
        (group,) = state.groups
        assert (group.name, group.pel_count, group.last_delivered_id, group.entries_read) == (t("gr"), 3, t("3-1"), 3)
        assert [(i, who, n) for i, who, _, n in group.pending] == [(t(i), t("c1"), 1) for i in ("1-1", "2-1", "3-1")]
        (consumer,) = group.consumers
        assert (consumer.name, consumer.pel_count, len(consumer.pending)) == (t("c1"), 3, 3)
        assert consumer.active_time == consumer.pending[0][1] > 1_600_000_000_000
        assert state.extra == group.extra == consumer.extra == {}


def test_xpending_range_and_consumers(server: EmbeddedServer) -> None:
    for protocol, text in MODES:
        t: TextOf = str if text else str.encode
        found = ask(
            server, protocol, text, Case("XPENDING x gr - + 9", d.stream_state.xpending_range, lambda t: None, PENDING)
        )
        assert [(p.id, p.consumer, p.deliveries) for p in found] == [(t(i), t("c1"), 1) for i in ("1-1", "2-1", "3-1")]
        assert all(0 <= p.idle < 10_000 for p in found)
        (who,) = ask(
            server,
            protocol,
            text,
            Case("XINFO CONSUMERS x gr", d.stream_state.xinfo_consumers, lambda t: None, PENDING),
        )
        assert (who.name, who.pending) == (t("c1"), 3)
        assert 0 <= who.idle < 10_000
        assert 0 <= who.inactive < 10_000


def test_a_consumer_that_never_got_anything(server: EmbeddedServer) -> None:
    setup = (*STREAM, "XGROUP CREATECONSUMER x gr c9")
    for protocol, text in MODES:
        (who,) = ask(
            server, protocol, text, Case("XINFO CONSUMERS x gr", d.stream_state.xinfo_consumers, lambda t: None, setup)
        )
        assert who.inactive is None
        state = ask(
            server, protocol, text, Case("XINFO STREAM x FULL", d.stream_state.xinfo_stream_full, lambda t: None, setup)
        )
        assert state.groups[0].consumers[0].active_time is None


@pytest.mark.parametrize("protocol", [2, 3])
def test_raw_vectors_and_info(redis8: EmbeddedServer, protocol: int) -> None:
    for quantization, name, data in (("NOQUANT", "f32", 8), ("Q8", "int8", 2), ("BIN", "bin", 8)):
        setup = (f"VADD v VALUES 2 3 4 e1 {quantization}",)
        vector = ask(redis8, protocol, False, Case("VEMB v e1 RAW", d.opt(d.vectors.raw_vector), lambda t: None, setup))
        assert len(vector.data) == data
        assert vector.norm == 5.0
        assert (vector.range is not None) == (quantization == "Q8")
        info = ask(redis8, protocol, True, Case("VINFO v", d.opt(d.vectors.vector_set_info), lambda t: None, setup))
        assert (info.size, info.dimensions, info.extra) == (1, 2, {})
        assert (vector.quantization, info.quantization) == (name, name)
