"""Calls of module commands that both type checkers refuse, each for the reason that its comment names."""

from __future__ import annotations

from redpoll import Redis
from redpoll.values import JSONPath


async def documents(r: Redis) -> None:
    await r.json_set("d", "$")  # type: ignore[call-arg]
    await r.json_set("d", 1, "x")  # type: ignore[arg-type]
    await r.json_set("d", "$", 1, fpha="FP8")  # type: ignore[arg-type]
    await r.json_set("d", "$", 1, dumps=len)  # type: ignore[arg-type]
    await r.json_get("d", loads="utf-8")  # type: ignore[arg-type]
    await r.json_mset({"d": 1})  # type: ignore[dict-item]
    await r.json_numincrby("d", "$", "1")  # type: ignore[call-overload]
    (await r.json_arrlen("d", JSONPath("$.a"))) + 1  # type: ignore[operator]
    (await r.json_arrlen("d", "$.a")).append(1)  # type: ignore[union-attr]


async def series(r: Redis) -> None:
    await r.ts_add("t", 1.5, 1)  # type: ignore[arg-type]
    await r.ts_add("t", 1, "1")  # type: ignore[arg-type]
    await r.ts_create("t", duplicate_policy="NEVER")  # type: ignore[arg-type]
    await r.ts_create("t", labels=[("a", "b")])  # type: ignore[arg-type]
    await r.ts_range("t", "-", "+", aggregation="median", bucket_duration=5)  # type: ignore[call-overload]
    await r.ts_range("t", "-", "+", filter_by_ts=5)  # type: ignore[call-overload]
    await r.ts_mrange("-", "+", "a=b", groupby="room")  # type: ignore[call-overload]
    (await r.ts_get("t"))[0]  # type: ignore[index]


async def filters(r: Redis) -> None:
    await r.bf_info("b", "NAME")  # type: ignore[call-overload]
    await r.bf_loadchunk("b", 1, "text")  # type: ignore[arg-type]
    await r.cms_incrby("s", ["a", "b"])  # type: ignore[arg-type]
    await r.topk_incrby("k", {"a": "1"})  # type: ignore[dict-item]
    await r.tdigest_add("t", "1")  # type: ignore[arg-type]
