"""What the search commands refuse. Each line needs its comment: an error that goes missing fails the test."""

from __future__ import annotations

from redpoll import Redis
from redpoll.search import (
    AggregateRequest,
    Cursor,
    GroupBy,
    HybridQuery,
    HybridVsimQuery,
    IndexDefinition,
    Limit,
    NumericField,
    Query,
    SortBy,
    TextField,
    VectorField,
    reducers,
)


def builders() -> None:
    TextField("t", True)  # type: ignore[call-arg]
    TextField("t", phonetic="dm:de")  # type: ignore[arg-type]
    NumericField("n", weight=2)  # type: ignore[call-arg]
    VectorField("v", "HNSW", type="FLOAT32", dim=4)  # type: ignore[call-arg]
    VectorField("v", "IVF", type="FLOAT32", dim=4, distance_metric="L2")  # type: ignore[arg-type]
    IndexDefinition("a:", on="LIST")  # type: ignore[arg-type]
    Query("q", limit=5)  # type: ignore[arg-type]
    Query("q", params=[("a", 1)])  # type: ignore[arg-type]
    Query("q", return_="title")  # type: ignore[arg-type]
    GroupBy("@a", "COUNT")  # type: ignore[arg-type]
    SortBy("@a", 5)  # type: ignore[call-arg]
    AggregateRequest("q", Limit(0, 1))  # type: ignore[arg-type]
    AggregateRequest("q", cursor=100)  # type: ignore[arg-type]
    HybridVsimQuery("@v", [0.5, 0.5])  # type: ignore[arg-type]
    HybridQuery("q", "@v")  # type: ignore[arg-type]
    reducers.sum()  # type: ignore[call-arg]


async def calls(r: Redis) -> object:
    await r.ft_create("idx", "title")  # type: ignore[arg-type]
    await r.ft_create("idx", [TextField("t"), "n"])  # type: ignore[list-item]
    await r.ft_search("idx", "q", True)  # type: ignore[call-arg]
    await r.ft_search("idx", "q", sortby=("n", "DESC"))  # type: ignore[arg-type]
    await r.ft_search("idx", "q", highlight="title")  # type: ignore[arg-type]
    await r.ft_aggregate("idx", "q", "LIMIT", 0, 1)  # type: ignore[arg-type]
    await r.ft_aggregate("idx", "q", [Limit(0, 1)])  # type: ignore[arg-type]
    await r.ft_aggregate("idx", "q", cursor=Cursor("5"))  # type: ignore[arg-type]
    await r.ft_hybrid("idx", "q")  # type: ignore[arg-type]
    await r.ft_profile("idx", "q")  # type: ignore[call-overload]
    await r.ft_sugget("key", "he", withscores=1)  # type: ignore[call-overload]
    return (await r.ft_search("idx", "q")).docs  # type: ignore[attr-defined]
