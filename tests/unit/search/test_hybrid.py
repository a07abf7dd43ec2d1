"""Hybrid queries as words: exactly, and read back by a grammar of their own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from redis.commands.search import hybrid_query as theirs

from redpoll import UsageError
from redpoll.search import (
    Apply,
    Desc,
    Filter,
    GroupBy,
    HybridQuery,
    HybridSearchQuery,
    HybridVsimQuery,
    Knn,
    Limit,
    Linear,
    Load,
    Range,
    Rrf,
    SortBy,
    reducers,
)
from tests.unit.search.grammar import hybrid

BLOB = b"\x00\x01\x02\x03"
VSIM = HybridVsimQuery("@v", "$vec")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (HybridQuery("laptop", VSIM), "SEARCH laptop VSIM @v $vec"),
        (HybridQuery("laptop", HybridVsimQuery("@v", "$q", Knn(10)), params={"q": "blob"}),
         "SEARCH laptop VSIM @v $q KNN 2 K 10 PARAMS 2 q blob"),
        (HybridQuery(
            HybridSearchQuery("q", scorer="BM25STD", yield_score_as="text"),
            HybridVsimQuery("@v", "$vec", Knn(20, ef_runtime=200, shard_k_ratio=0.5), yield_score_as="near"),
            [SortBy(Desc("@fused")), Limit(0, 20)],
            combine=Rrf(80, 50, "fused"),
         ),
         "SEARCH q SCORER BM25STD YIELD_SCORE_AS text"
         " VSIM @v $vec KNN 6 K 20 EF_RUNTIME 200 SHARD_K_RATIO 0.5 YIELD_SCORE_AS near"
         " COMBINE RRF 6 CONSTANT 80 WINDOW 50 YIELD_SCORE_AS fused SORTBY 2 @fused DESC LIMIT 0 20"),
        (HybridQuery("q", HybridVsimQuery("@v", "$vec", Range(0.8, epsilon=0.1), filter="@price:[1 5]"),
                     [Load(["@price"]), Apply("@price*0.9", "less")], combine=Linear(0.7, 0.3)),
         "SEARCH q VSIM @v $vec RANGE 4 RADIUS 0.8 EPSILON 0.1 FILTER @price:[1~5]"
         " COMBINE LINEAR 4 ALPHA 0.7 BETA 0.3 LOAD 1 @price APPLY @price*0.9 AS less"),
        (HybridQuery("q", HybridVsimQuery("@v", "$vec", filter="@a:{b}", policy="BATCHES", batch_size=50)),
         "SEARCH q VSIM @v $vec FILTER 5 @a:{b} POLICY BATCHES BATCH_SIZE 50"),
        (HybridQuery("q", HybridVsimQuery("@v", "$vec", filter="42")), "SEARCH q VSIM @v $vec FILTER 1 42"),
        (HybridQuery("q", VSIM, [GroupBy("@c", reducers.count(as_="n"))], combine=Linear(1, 2, 30, "s"), nosort=True,
                     timeout=dt.timedelta(seconds=1)),
         "SEARCH q VSIM @v $vec COMBINE LINEAR 8 ALPHA 1 BETA 2 WINDOW 30 YIELD_SCORE_AS s"
         " GROUPBY 1 @c REDUCE COUNT 0 AS n NOSORT TIMEOUT 1000"),
    ],
)  # fmt: skip
def test_a_query(query: HybridQuery, words: str) -> None:
    given = query.words("FT.HYBRID")
    assert [str(word).replace(" ", "~") for word in given] == words.split()
    hybrid(given)


def test_a_vector_as_bytes_is_sent_with_the_parameters() -> None:
    for vector in (BLOB, bytearray(BLOB), memoryview(BLOB)):
        words = HybridQuery("q", HybridVsimQuery("@v", vector), params={"a": 1}).words("FT.HYBRID")
        assert words == [
            "SEARCH", "q", "VSIM", "@v", "$redpoll_vector", "PARAMS", 4, "a", 1, "redpoll_vector", BLOB,
        ]  # fmt: skip


def test_a_filter_of_the_rows_is_not_taken_for_that_of_the_vectors() -> None:
    read = hybrid(HybridQuery("q", VSIM, [Filter("@n>1"), Limit(0, 1)]).words("FT.HYBRID"))
    assert read["filter"] is None
    assert read["combine"] == ("RRF", {"CONSTANT": 60})
    assert read["steps"] == [("FILTER", "@n>1"), ("LIMIT", 0, 1)]


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_redis_py_says_the_same() -> None:
    search = theirs.HybridSearchQuery("q", scorer="BM25STD", yield_score_as="s")
    vsim = theirs.HybridVsimQuery(
        "@v", "$vec", theirs.VectorSearchMethods.KNN, {"K": 3, "EF_RUNTIME": 9}, theirs.HybridFilter("@a:{b}"), "d"
    )
    combine = theirs.CombineResultsMethod(theirs.CombinationMethods.LINEAR, ALPHA=0.5, BETA=0.25)
    after = theirs.HybridPostProcessingConfig().load("@a", "@b").apply(c="@a+@b").limit(0, 3)
    other = [*theirs.HybridQuery(search, vsim).get_args(), *combine.get_args(), *after.build_args()]
    ours = HybridQuery(
        HybridSearchQuery("q", scorer="BM25STD", yield_score_as="s"),
        HybridVsimQuery("@v", "$vec", Knn(3, ef_runtime=9), filter="@a:{b}", yield_score_as="d"),
        [Load(["@a", "@b"]), Apply("@a+@b", "c"), Limit(0, 3)],
        combine=Linear(0.5, 0.25),
    )
    assert [str(word) for word in ours.words("FT.HYBRID")] == [str(word) for word in other]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vsim": "v"}, "vsim must be a HybridVsimQuery, not str"),
        ({"vsim": HybridVsimQuery("v", "$q")}, "vsim: field must begin with '@'"),
        ({"vsim": HybridVsimQuery("@v", "q")}, "vsim: vector must be bytes, or begin with '\\$'"),
        ({"vsim": HybridVsimQuery("@v", [0.5, 0.5])}, "vsim: vector must be a str or bytes"),  # type: ignore[arg-type]
        ({"vsim": HybridVsimQuery(b"@v", "$q")}, "vsim: field must be a str, not bytes"),  # type: ignore[arg-type]
        ({"vsim": HybridVsimQuery("@v", "$q", 10)}, "vsim: method must be a Knn or Range, not int"),  # type: ignore[arg-type]
        ({"vsim": HybridVsimQuery("@v", "$q", Knn(0))}, "knn: k must be a whole number from 1"),
        ({"vsim": HybridVsimQuery("@v", "$q", Knn(1, ef_runtime=0))}, "knn: ef_runtime must be a whole number from 1"),
        ({"vsim": HybridVsimQuery("@v", "$q", Knn(1, shard_k_ratio=2))}, "knn: shard_k_ratio must be above 0"),
        ({"vsim": HybridVsimQuery("@v", "$q", Range(-1))}, "range: radius must be a number from 0"),
        ({"vsim": HybridVsimQuery("@v", "$q", Range(1, epsilon=0))}, "range: epsilon must be a number above 0"),
        ({"vsim": HybridVsimQuery("@v", "$q", policy="ADHOC")}, "vsim: policy or batch_size needs filter"),
        ({"vsim": HybridVsimQuery("@v", "$q", filter="f", policy="ALL")}, "vsim: policy must be one of"),  # type: ignore[arg-type]
        ({"vsim": HybridVsimQuery("@v", "$q", filter="f", batch_size=5)}, "vsim: batch_size needs policy='BATCHES'"),
        ({"combine": "RRF"}, "combine must be a Rrf or Linear, not str"),
        ({"steps": Limit(0, 1)}, "steps must be a collection"),
        ({"steps": [VSIM]}, "steps: number 1 must be"),
        ({"params": "p"}, "params must be a mapping"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        HybridQuery(**{"search": "q", "vsim": VSIM, **changed}).words("FT.HYBRID")
