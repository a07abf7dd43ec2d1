"""Documents, time series, filters and sketches."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from functools import partial
from typing import Any, assert_type

from redpoll import Redis
from redpoll.errors import ServerError
from redpoll.records.probabilistic import BloomInfo, CountMinSketchInfo, CuckooInfo, TDigestInfo, TopKInfo
from redpoll.records.timeseries import Series, SeriesInfo, SeriesRows, SeriesSample
from redpoll.types import Aggregator
from redpoll.values import JSONPath, RawJSON


class Model:
    name: str


def decimals(text: bytes) -> dict[str, Decimal]:
    found: dict[str, Decimal] = json.loads(text, parse_float=Decimal)
    return found


def exact(value: Model) -> str:
    return value.name


async def documents(r: Redis, b: Redis[bytes], model: Model) -> None:
    assert_type(await r.json_set("d", "$", {"a": [1, None]}), bool)
    assert_type(await r.json_set("d", "$", model, nx=True, dumps=exact), bool)
    assert_type(await r.json_set("d", b".a", RawJSON(b"1"), fpha="FP16"), bool)
    assert_type(await r.json_get("d"), Any)
    assert_type(await r.json_get("d", "$.a", "$.b", loads=partial(json.loads, parse_float=Decimal)), Any)
    assert_type(await b.json_get("d", loads=decimals), Any)
    assert_type(await r.json_mget(["d", b"e"], "$.a"), list[Any])
    assert_type(await r.json_mset([("d", "$", 1), ("e", b"$", [model])], dumps=repr), bool)
    assert_type(await r.json_merge("d", "$", {"a": None}), bool)
    assert_type(await r.json_del("d"), int)
    assert_type(await r.json_clear("d", "$.a"), int)


async def paths(r: Redis, b: Redis[bytes], path: str) -> None:
    every = JSONPath("$..a")
    assert_type(await r.json_arrlen("d"), int | None)
    assert_type(await r.json_arrlen("d", every), list[int | None])
    assert_type(await r.json_arrlen("d", path), list[int | None] | int | None)
    assert_type(await r.json_type("d"), str | None)
    assert_type(await b.json_type("d", every), list[str])
    assert_type(await r.json_objkeys("d"), list[str] | None)
    assert_type(await b.json_objkeys("d", every), list[list[bytes] | None])
    assert_type(await r.json_objkeys("d", ".a"), list[list[str] | None] | list[str] | None)
    assert_type(await r.json_arrappend("d", every, 1, {"a": 2}), list[int | None])
    assert_type(await r.json_arrindex("d", every, "x", 0, 5), list[int | None])
    assert_type(await r.json_arrinsert("d", path, 0, "x"), list[int | None] | int | None)
    assert_type(await r.json_arrtrim("d", every, 0, 1), list[int | None])
    assert_type(await r.json_arrpop("d", every, -1), list[Any])
    assert_type(await r.json_arrpop("d"), Any)
    assert_type(await r.json_numincrby("d", every, 1.5), list[int | float | None])
    assert_type(await r.json_nummultby("d", ".a", 2), list[int | float | None] | int | float | None)
    assert_type(await r.json_toggle("d", every), list[bool | None])
    assert_type(await r.json_strappend("d", "tail"), int | None)
    assert_type(await r.json_strappend("d", "tail", every), list[int | None])


async def series(r: Redis, b: Redis[bytes], moment: dt.datetime, labels: dict[str, str]) -> None:
    day = dt.timedelta(days=1)
    assert_type(await r.ts_create("t", retention=day, duplicate_policy="LAST", labels=labels), bool)
    assert_type(await r.ts_add("t", "*", 1.5, labels={"room": 5}), int)
    assert_type(await r.ts_add("t", moment, 1, on_duplicate="SUM"), int)
    assert_type(await r.ts_madd([("t", 1, 2.0), (b"u", "*", 3)]), list[int | ServerError])
    assert_type(await r.ts_get("t"), tuple[int, float] | None)
    assert_type(await r.ts_del("t", moment, 5), int)
    assert_type(await r.ts_createrule("t", "u", "avg", day), bool)
    assert_type(await r.ts_info("t"), SeriesInfo[str])
    assert_type(await b.ts_info("t", debug=True), SeriesInfo[bytes])
    assert_type(await b.ts_queryindex("a=b", ["c=d"]), set[bytes])
    assert_type(await r.ts_querylabels("room", filter=["a=b"]), set[str])
    assert_type(await r.ts_read("t", "$", block=5000, min_count=2), list[tuple[int, float]])


async def ranges(r: Redis, b: Redis[bytes], moment: dt.datetime, several: list[Aggregator]) -> None:
    minute = dt.timedelta(minutes=1)
    assert_type(await r.ts_range("t", "-", "+", count=5, filter_by_ts=[1, moment]), list[tuple[int, float]])
    assert_type(await r.ts_range("t", moment, "+", aggregation="avg", bucket_duration=minute), list[tuple[int, float]])
    assert_type(
        await r.ts_revrange("t", 0, 9, aggregations=("min", "max"), bucket_duration=5), list[tuple[int, list[float]]]
    )
    assert_type(await r.ts_range("t", 0, 9, aggregations=several, bucket_duration=5), list[tuple[int, list[float]]])
    assert_type(await r.ts_nrange(["t", "u"], "-", "+"), list[tuple[int, list[float]]])
    assert_type(
        await r.ts_nrange(["t", "u"], 0, 9, aggregation=["avg", "min,max"], bucket_duration=minute),
        list[tuple[int, list[float]]],
    )
    assert_type(await b.ts_mget("a=b", withlabels=True), dict[bytes, SeriesSample[bytes]])
    assert_type(await r.ts_mrange("-", "+", "a=b", groupby=("room", "max")), dict[str, Series[str]])
    assert_type(
        await b.ts_mrevrange("-", "+", ["a=b"], aggregations=["first", "last"], bucket_duration=5),
        dict[bytes, SeriesRows[bytes]],
    )


async def filters(r: Redis, b: Redis[bytes]) -> None:
    assert_type(await r.bf_add("b", "x"), bool)
    assert_type(await r.bf_madd("b", "x", 1), list[bool | None])
    assert_type(await r.bf_info("b"), BloomInfo)
    assert_type(await r.bf_info("b", "ITEMS"), int | None)
    assert_type(await r.bf_scandump("b", 0), tuple[int, bytes])
    assert_type(await b.cf_insertnx("c", b"x", capacity=100), list[bool | None])
    assert_type(await r.cf_mexists("c", "x"), list[bool])
    assert_type(await r.cf_info("c"), CuckooInfo)


async def sketches(r: Redis, b: Redis[bytes], counts: dict[str, int]) -> None:
    assert_type(await r.cms_incrby("s", counts), list[int])
    assert_type(await r.cms_merge("s", ["a", "b"], weights=[1, 2]), bool)
    assert_type(await r.cms_info("s"), CountMinSketchInfo)
    assert_type(await r.topk_reserve("k", 5, width=8, depth=7, decay=0.9), bool)
    assert_type(await b.topk_add("k", "x"), list[bytes | None])
    assert_type(await r.topk_list("k"), list[str])
    assert_type(await b.topk_list("k", withcount=True), list[tuple[bytes, int]])
    assert_type(await r.topk_info("k"), TopKInfo)
    assert_type(await r.tdigest_quantile("t", 0.5, 0.99), list[float])
    assert_type(await r.tdigest_min("t"), float)
    assert_type(await r.tdigest_rank("t", 1), list[int])
    assert_type(await r.tdigest_info("t"), TDigestInfo)


async def batches(r: Redis[bytes]) -> None:
    assert_type(
        await r.batch(lambda p: (p.json_get("d"), p.json_arrlen("d", JSONPath("$")), p.json_arrlen("d"))),
        tuple[Any, list[int | None], int | None],
    )
    assert_type(
        await r.batch(lambda p: (p.ts_range("t", "-", "+"), p.ts_mget("a=b"), p.topk_list("k", withcount=True))),
        tuple[list[tuple[int, float]], dict[bytes, SeriesSample[bytes]], list[tuple[bytes, int]]],
    )
