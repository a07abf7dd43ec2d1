"""Search: what each call gives, and what its builders take."""

# A batch's own commands are not awaited; the project's option that finds a forgotten await does not know that.
# mypy: disable-error-code="unused-awaitable"

from __future__ import annotations

import datetime as dt
from typing import Any, assert_type

from redpoll import Client, Pipeline, Queued, Redis
from redpoll.records.search import AggregateResult, Document, HybridResult, IndexInfo, ProfileResult, SearchResult
from redpoll.search import (
    AggregateRequest,
    Apply,
    Asc,
    Cursor,
    Desc,
    Field,
    Filter,
    GeoField,
    GeoFilter,
    GeoShapeField,
    GroupBy,
    Highlight,
    HybridQuery,
    HybridSearchQuery,
    HybridVsimQuery,
    IndexDefinition,
    Knn,
    Limit,
    Linear,
    Load,
    NumericField,
    NumericFilter,
    Query,
    Range,
    Rrf,
    SortBy,
    Step,
    Summarize,
    TagField,
    TextField,
    VectorField,
    reducers,
)
from redpoll.types import S


async def indexes(r: Redis, b: Redis[bytes]) -> None:
    fields: list[Field] = [TextField("t", weight=2, phonetic="dm:en"), TagField("$.g", as_="g", separator=";")]
    vector = VectorField("v", "HNSW", type="FLOAT32", dim=4, distance_metric="L2", m=16, attributes={"NEW": 1})
    assert_type(await r.ft_create("idx", fields), bool)
    mixed = [TextField("t"), NumericField("n")]  # as a variable, without an annotation
    await r.ft_create("idx", mixed)
    assert_type(await r.ft_create("idx", vector, IndexDefinition("a:", on="JSON"), temporary=60), bool)
    places = [GeoField("at", sortable=True), GeoField("to")]
    await r.ft_create("idx", places, definition=IndexDefinition(["a:", "b:"]), temporary=dt.timedelta(hours=1))
    await r.ft_create("idx", (GeoShapeField("s", coord_system="FLAT"), NumericField("n")), stopwords=[])
    assert_type(await r.ft_alter("idx", NumericField("n", sortable=True)), bool)
    assert_type(await r.ft_info("idx"), IndexInfo)
    assert_type((await b.ft_info("idx")).fields[0].attribute, str)
    assert_type(await r.ft_list(), set[str])
    assert_type(await b.ft_tagvals("idx", "g"), set[bytes])
    assert_type(await r.ft_dropindex("idx", dd=True), bool)


async def searches(r: Redis, b: Redis[bytes], params: dict[str, bytes], numbers: dict[str, float]) -> None:
    found = await r.ft_search("idx", "q", limit=(0, 5), sortby=Desc("n"), params=params, dialect=2)
    assert_type(found, SearchResult[str])
    assert_type(found.documents, list[Document[str]])
    assert_type(found.documents[0].fields, dict[str, str])
    assert_type(found.documents[0].score, float | None)
    assert_type((await b.ft_search("idx", b"q", withpayloads=True)).documents[0].payload, bytes | None)
    await r.ft_search("idx", Query("q", nocontent=True, params=numbers))
    await r.ft_search("idx", "q", filter=NumericFilter("n", "(1", 5), geofilter=[GeoFilter("at", 1, 2, 3, "km")])
    await r.ft_search("idx", "q", return_=["a", ("$.b", "b")], inkeys=["k", b"k"], summarize=True)
    await r.ft_search("idx", "q", summarize=Summarize(["a"], frags=2), highlight=Highlight(tags=("<", ">")))
    await r.ft_search("idx", "q", timeout=dt.timedelta(milliseconds=50), sortby="n", withcount=True)


async def aggregations(r: Redis, b: Redis[bytes]) -> None:
    steps: list[Step] = [Load(["@a", ("$.b", "b")]), Load(), Filter("@a>1"), Limit(0, 5)]
    group = GroupBy(
        ["@a"], [reducers.count(as_="n"), reducers.collect(["@b"], sortby=[Desc("@b"), "@a"], limit=(0, 1))]
    )
    rows = await r.ft_aggregate("idx", "*", *steps, group, SortBy([Asc("@n"), "@a"], max=5), Apply("@n*2", "m"))
    assert_type(rows, AggregateResult[str])
    reduce = [reducers.count(), reducers.collect()]
    keys = [Asc("@a"), Desc("@b")]
    plain = [GroupBy("@a", reduce), SortBy(keys)]
    await r.ft_aggregate("idx", "*", *plain)
    assert_type(rows.rows, list[dict[str, Any]])
    assert_type(rows.cursor, int | None)
    assert_type(await b.ft_aggregate("idx", AggregateRequest("q", [group])), AggregateResult[bytes])
    await r.ft_aggregate("idx", "*", GroupBy((), reducers.sum("@n")), cursor=Cursor(100), params={"a": 1})
    assert_type(await r.ft_cursor_read("idx", 7, count=5), AggregateResult[str])
    assert_type(await r.ft_cursor_del("idx", 7), bool)


async def hybrids(r: Redis, b: Redis[bytes]) -> None:
    near = HybridVsimQuery("@v", b"blob", Knn(10, ef_runtime=5), filter="@a:{b}", policy="BATCHES", batch_size=5)
    query = HybridQuery(HybridSearchQuery("q", scorer="BM25STD"), near, [Load(["@a"])], combine=Linear(0.5, 0.5))
    assert_type(await r.ft_hybrid("idx", query), HybridResult[str])
    await b.ft_hybrid("idx", HybridQuery("q", HybridVsimQuery("@v", "$v", Range(1.5)), combine=Rrf(window=5)))
    assert_type(await r.ft_profile("idx", Query("q")), ProfileResult[SearchResult[str]])
    assert_type(await b.ft_profile("idx", AggregateRequest(), limited=True), ProfileResult[AggregateResult[bytes]])
    assert_type((await r.ft_profile("idx", query)).result, HybridResult[str])


async def others(r: Redis, b: Redis[bytes], flag: bool) -> None:
    assert_type(await r.ft_spellcheck("idx", "q", include=["a", "b"], exclude="c"), dict[str, list[tuple[str, float]]])
    assert_type(await b.ft_syndump("idx"), dict[bytes, list[bytes]])
    assert_type(await r.ft_config_get("*"), dict[str, str | None])
    assert_type(await r.ft_sugget("k", "he"), list[str])
    assert_type(await r.ft_sugget("k", "he", withscores=True), list[tuple[str, float]])
    assert_type(await b.ft_sugget("k", "he", withpayloads=True), list[tuple[bytes, bytes | None]])
    assert_type(await r.ft_sugget("k", "he", withscores=True, withpayloads=True), list[tuple[str, float, str | None]])
    await r.ft_sugget("k", "he", withscores=flag)


def queued(p: Pipeline[bytes]) -> None:
    assert_type(p.ft_search("idx", "q"), Queued[SearchResult[bytes]])
    assert_type(p.ft_profile("idx", Query("q")), Queued[ProfileResult[SearchResult[bytes]]])
    assert_type(p.ft_aggregate("idx", "q", Limit(0, 1)), Queued[AggregateResult[bytes]])


async def generic(client: Client[S]) -> SearchResult[S]:
    return await client.ft_search("idx", "q")
