"""The commands of filters and sketches, on the stand-in."""

from __future__ import annotations

import math
from typing import Any

import pytest

from redpoll import Redis
from redpoll.errors import ServerError
from redpoll.records.probabilistic import BloomInfo, CountMinSketchInfo, CuckooInfo, TDigestInfo, TopKInfo
from tests.live.commands.cases import Case, Raises, called, case
from tests.live.modules.conftest import ModuleTable

DIGEST = ("TDIGEST.CREATE t", "TDIGEST.ADD t 1 2 3.5")
TOP = ("TOPK.RESERVE k 2 50 4 0.9", "TOPK.INCRBY k a 5 b 3")


def empty(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def all_empty(values: list[float]) -> bool:
    return bool(values) and all(map(empty, values))


def digest(info: TDigestInfo) -> bool:
    return (info.compression, info.observations, info.merged_weight + info.unmerged_weight) == (200, 2, 2)


BLOOM: list[Case] = [
    case(lambda c: c.bf_add("b", "x"), True, then={"BF.EXISTS b x": 1}),
    case(lambda c: c.bf_add("b", b"x"), False, "BF.ADD b x"),
    case(lambda c: c.bf_card("b"), 2, "BF.MADD b x y"),
    case(lambda c: c.bf_card("none"), 0),
    case(lambda c: c.bf_exists("b", "x"), True, "BF.ADD b x"),
    case(lambda c: c.bf_exists("b", "y"), False, "BF.ADD b x"),
    case(lambda c: c.bf_info("b"), BloomInfo(100, 2, 1, 2, 2), "BF.RESERVE b 0.01 100", "BF.MADD b x y"),
    case(lambda c: c.bf_info("b", "CAPACITY"), 100, "BF.RESERVE b 0.01 100"),
    case(lambda c: c.bf_info("b", "ITEMS"), 2, "BF.MADD b x y"),
    case(lambda c: c.bf_insert("b", "x", "y", capacity=10, error=0.1, expansion=4), [True, True]),
    case(lambda c: c.bf_insert("b", "x", "y"), [False, True], "BF.ADD b x"),
    case(lambda c: c.bf_madd("b", "x", 2), [False, True], "BF.ADD b x"),
    case(lambda c: c.bf_mexists("b", "x", "y"), [True, False], "BF.ADD b x"),
    case(lambda c: c.bf_reserve("b", 0.01, 50, expansion=4), True, then={"BF.CARD b": 0}),
]

CUCKOO: list[Case] = [
    case(lambda c: c.cf_add("c", "x"), True, then={"CF.COUNT c x": 1}),
    case(lambda c: c.cf_addnx("c", "y"), True, "CF.ADD c x"),
    case(lambda c: c.cf_addnx("c", "x"), False, "CF.ADD c x"),
    case(lambda c: c.cf_count("c", "x"), 1, "CF.ADD c x"),
    case(lambda c: c.cf_del("c", "x"), True, "CF.ADD c x", then={"CF.EXISTS c x": 0}),
    case(lambda c: c.cf_del("c", "y"), False, "CF.ADD c x"),
    case(lambda c: c.cf_exists("c", "x"), True, "CF.ADD c x"),
    case(
        lambda c: c.cf_info("c"),
        lambda v: v == CuckooInfo(v.size, v.buckets, 1, 1, 0, 4, v.expansion, 30),
        "CF.RESERVE c 100 BUCKETSIZE 4 MAXITERATIONS 30 EXPANSION 2",
        "CF.ADD c x",
    ),
    case(lambda c: c.cf_insert("c", "x", "y", capacity=100), [True, True]),
    case(lambda c: c.cf_insertnx("c", "x", "y"), [False, True], "CF.ADD c x"),
    case(lambda c: c.cf_mexists("c", "x", "y"), [True, False], "CF.ADD c x"),
    case(lambda c: c.cf_reserve("c", 100, bucketsize=4, maxiterations=30, expansion=2), True),
]

COUNT_MIN_SKETCH: list[Case] = [
    case(lambda c: c.cms_initbydim("s", 10, 5), True),
    case(lambda c: c.cms_initbyprob("s", 0.01, 0.02), True),
    case(lambda c: c.cms_incrby("s", {"a": 1, "b": 2}), [1, 2], "CMS.INITBYDIM s 10 5"),
    case(lambda c: c.cms_query("s", "a", "q"), [3, 0], "CMS.INITBYDIM s 100 5", "CMS.INCRBY s a 3"),
    case(lambda c: c.cms_info("s"), CountMinSketchInfo(10, 5, 3), "CMS.INITBYDIM s 10 5", "CMS.INCRBY s a 3"),
    case(
        lambda c: c.cms_merge("s", "s1", "s2", weights=[2, 1]),
        True,
        *("CMS.INITBYDIM s 10 5", "CMS.INITBYDIM s1 10 5", "CMS.INITBYDIM s2 10 5", "CMS.INCRBY s1 a 3"),
        then={"CMS.QUERY s a": [6]},
    ),
]

TOPK: list[Case] = [
    case(lambda c: c.topk_reserve("k", 2), True),
    case(lambda c: c.topk_reserve("k", 2, width=50, depth=4, decay=0.9), True),
    case(lambda c: c.topk_add("k", "c", "d"), [None, None], *TOP),
    case(lambda c: c.topk_incrby("k", {"z": 9}), ["b"], *TOP),
    case(lambda c: c.topk_count("k", "a", "q"), [5, 0], *TOP),
    case(lambda c: c.topk_query("k", "a", "q"), [True, False], *TOP),
    case(lambda c: c.topk_list("k"), ["a", "b"], *TOP),
    case(lambda c: c.topk_list("k", withcount=False), ["a", "b"], *TOP),
    case(lambda c: c.topk_list("k", withcount=True), [("a", 5), ("b", 3)], *TOP),
    case(lambda c: c.topk_info("k"), TopKInfo(2, 50, 4, 0.9), *TOP),
]

TDIGEST: list[Case] = [
    case(lambda c: c.tdigest_create("t", compression=200), True),
    case(lambda c: c.tdigest_add("t", 1, 2.5), True, "TDIGEST.CREATE t", then={"TDIGEST.RANK t 2.5": [1]}),
    case(lambda c: c.tdigest_min("t"), 1.0, *DIGEST),
    case(lambda c: c.tdigest_min("t"), empty, "TDIGEST.CREATE t"),
    case(lambda c: c.tdigest_max("t"), 3.5, *DIGEST),
    case(lambda c: c.tdigest_quantile("t", 0, 0.5, 1), [1.0, 2.0, 3.5], *DIGEST),
    case(lambda c: c.tdigest_quantile("t", 0.5), all_empty, "TDIGEST.CREATE t"),
    case(lambda c: c.tdigest_cdf("t", 0, 2, 9), [0.0, 0.5, 1.0], *DIGEST),
    case(lambda c: c.tdigest_rank("t", 0, 2, 9), [-1, 1, 3], *DIGEST),
    case(lambda c: c.tdigest_rank("t", 1), [-2], "TDIGEST.CREATE t"),
    case(lambda c: c.tdigest_revrank("t", 0, 2, 9), [3, 1, -1], *DIGEST),
    case(lambda c: c.tdigest_byrank("t", 0, 9), [1.0, math.inf], *DIGEST),
    case(lambda c: c.tdigest_byrevrank("t", 0, 9), [3.5, -math.inf], *DIGEST),
    case(lambda c: c.tdigest_trimmed_mean("t", 0.1, 0.9), 2.0, *DIGEST),
    case(lambda c: c.tdigest_info("t"), digest, "TDIGEST.CREATE t COMPRESSION 200", "TDIGEST.ADD t 1 2"),
    case(lambda c: c.tdigest_merge("d", "t", compression=100, override=True), True, *DIGEST),
    case(lambda c: c.tdigest_reset("t"), True, *DIGEST, then={"TDIGEST.RANK t 1": [-2]}),
]

REFUSED: list[Case] = [
    case(lambda c: c.bf_insert("none", "x", nocreate=True), Raises("not found", ServerError)),
    case(lambda c: c.cf_insert("none", "x", nocreate=True), Raises("not found", ServerError)),
    case(lambda c: c.cms_query("none", "x"), Raises("exist", ServerError)),
    case(lambda c: c.topk_list("none"), Raises("exist", ServerError)),
    case(lambda c: c.tdigest_min("none"), Raises("exist", ServerError)),
]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
@pytest.mark.parametrize(
    "cases", [BLOOM, CUCKOO, COUNT_MIN_SKETCH, TOPK, TDIGEST], ids=["bf", "cf", "cms", "topk", "t"]
)
async def test_values(table: ModuleTable, subtests: pytest.Subtests, cases: list[Case], queued: bool) -> None:
    await table.run(cases, subtests, queued=queued)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda each: called(each)[0])
async def test_refusals(table: ModuleTable, refused: Case) -> None:
    await table.one(refused)


@pytest.mark.parametrize("kind", ["bf", "cf"])
async def test_a_filter_goes_through_its_chunks(client: Redis[Any], kind: str) -> None:
    """Chunks are bytes on every client, and an empty one ends them."""
    await client.execute("FLUSHALL")
    add, dump = getattr(client, f"{kind}_add"), getattr(client, f"{kind}_scandump")
    load, exists = getattr(client, f"{kind}_loadchunk"), getattr(client, f"{kind}_exists")
    await add("from", "x")
    iterator, chunk = await dump("from", 0)
    while iterator:
        assert type(chunk) is bytes
        assert await load("to", iterator, chunk) is True
        iterator, chunk = await dump("from", iterator)
    assert chunk == b""
    assert await exists("to", "x") is True
