"""The words that the module commands send, and the arguments that they refuse before anything is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from redpoll.commands import QueuedCommands
from redpoll.errors import UsageError
from redpoll.faces import Queued
from redpoll.spec import Spec
from redpoll.types import Arg
from redpoll.values import JSONPath, RawJSON

MINUTE = dt.timedelta(minutes=1)
MOMENT = dt.datetime(1970, 1, 1, 0, 0, 5, 250_000, tzinfo=dt.UTC)


class Recorder(QueuedCommands[str]):
    def _queue(self, spec: Spec[Any], words: tuple[Arg, ...]) -> Queued[Any]:
        self.spec = spec
        self.words = words
        return Queued(spec.name)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.json_set("d", "$", {"a": [1, None]}), ("JSON.SET", "d", "$", '{"a": [1, null]}')),
        (lambda c: c.json_set("d", "$", RawJSON(b"1"), nx=True), ("JSON.SET", "d", "$", b"1", "NX")),
        (lambda c: c.json_get("d"), ("JSON.GET", "d", ".")),
        (lambda c: c.json_get("d", "$.a", b".b", space=" "), ("JSON.GET", "d", "SPACE", " ", "$.a", b".b")),
        (lambda c: c.json_mget(["d", "e"], "$"), ("JSON.MGET", "d", "e", "$")),
        (lambda c: c.json_mget("d", "$"), ("JSON.MGET", "d", "$")),
        (lambda c: c.json_mset([("d", "$", "x"), ("e", ".", 1)], dumps=repr), ("JSON.MSET", "d", "$", "'x'", "e", ".", "1")),
        (lambda c: c.json_arrpop("d", index=0), ("JSON.ARRPOP", "d", ".", 0)),
        (lambda c: c.json_type("d"), ("JSON.TYPE", "d", ".")),
        (lambda c: c.json_debug_memory("d"), ("JSON.DEBUG", "MEMORY", "d", ".")),
        (lambda c: c.ts_add("t", MOMENT, 1, retention=MINUTE), ("TS.ADD", "t", 5250, 1, "RETENTION", 60000)),
        (lambda c: c.ts_alter("t", labels={}), ("TS.ALTER", "t", "LABELS")),
        (lambda c: c.ts_madd([("t", "*", 1), ("u", MOMENT, 2)]), ("TS.MADD", "t", "*", 1, "u", 5250, 2)),
        (lambda c: c.ts_createrule("t", "u", "AVG", MINUTE, 5), ("TS.CREATERULE", "t", "u", "AGGREGATION", "AVG", 60000, 5)),
        (
            lambda c: c.ts_range(
                "t", "-", MOMENT, latest=True, filter_by_ts=[1, MOMENT], filter_by_value=(0, 1.5), count=9,
                aggregations=["min", "max"], bucket_duration=MINUTE, align="-", bucket_timestamp="mid", empty=True,
            ),
            (
                "TS.RANGE", "t", "-", 5250, "LATEST", "FILTER_BY_TS", 1, 5250, "FILTER_BY_VALUE", 0, 1.5, "COUNT", 9,
                "ALIGN", "-", "AGGREGATION", "min,max", 60000, "BUCKETTIMESTAMP", "mid", "EMPTY",
            ),
        ),
        (
            lambda c: c.ts_nrange(["t", "u"], 0, 1, aggregation="avg", bucket_duration=5),
            ("TS.NRANGE", 2, "t", "u", 0, 1, "AGGREGATION", "avg", "avg", 5),
        ),
        (
            lambda c: c.ts_nrevrange(["t", "u"], 0, 1, aggregation=["min,max", "avg"], bucket_duration=5),
            ("TS.NREVRANGE", 2, "t", "u", 0, 1, "AGGREGATION", "min,max", "avg", 5),
        ),
        (
            lambda c: c.ts_mrange(0, 1, "a=b", ["c=d"], selected_labels=["a"], groupby=("a", "max"), excludeempty=True),
            (
                "TS.MRANGE", 0, 1, "SELECTED_LABELS", "a", "FILTER", "a=b", "c=d", "GROUPBY", "a", "REDUCE", "max",
                "EXCLUDEEMPTY",
            ),
        ),
        (lambda c: c.ts_querylabels(), ("TS.QUERYLABELS", "LABELS")),
        (lambda c: c.ts_querylabels("a", filter=["b=c"]), ("TS.QUERYLABELS", "VALUES", "a", "FILTER", "b=c")),
        (lambda c: c.ts_read("t", "$", block=MINUTE), ("TS.READ", "t", "$", "BLOCK", 60000, 1)),
        (lambda c: c.topk_reserve("k", 5, width=8, depth=7, decay=0.9), ("TOPK.RESERVE", "k", 5, 8, 7, 0.9)),
        (lambda c: c.bf_info("b", "ITEMS"), ("BF.INFO", "b", "ITEMS")),
        (lambda c: c.cms_merge("s", "a", ["b"], weights=[1, 2]), ("CMS.MERGE", "s", 2, "a", "b", "WEIGHTS", 1, 2)),
    ],
)  # fmt: skip
def test_words(call: Callable[[Recorder], object], words: tuple[Arg, ...]) -> None:
    recorder = Recorder()
    call(recorder)
    assert recorder.words == words


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.json_set("d", "$", 1, nx=True, xx=True), "at most one of nx, xx"),
        (lambda c: c.json_set("d", "$", 1, fpha="FP8"), "fpha must be one of 'BF16'"),
        (lambda c: c.json_arrappend("d", "$"), "values needs at least one"),
        (lambda c: c.json_arrindex("d", "$", 1, stop=2), "stop needs start"),
        (lambda c: c.json_mset("d"), "triplets must be a collection"),
        (lambda c: c.json_mset([("d", "$")]), "each of triplets must be a tuple of 3"),
        (lambda c: c.json_mget([], "$"), "keys needs at least one"),
        (lambda c: c.ts_madd([]), "samples needs at least one"),
        (lambda c: c.ts_range("t", 0, 1, aggregation="avg"), "aggregation, bucket_duration must be given together"),
        (lambda c: c.ts_range("t", 0, 1, bucket_duration=5), "aggregation, bucket_duration must be given together"),
        (lambda c: c.ts_range("t", 0, 1, empty=True), "empty needs aggregation"),
        (lambda c: c.ts_range("t", 0, 1, aggregation="median", bucket_duration=5), "must be one of 'avg', 'sum'"),
        (lambda c: c.ts_range("t", 0, 1, aggregations="avg", bucket_duration=5), "aggregations must be a collection"),
        (lambda c: c.ts_range("t", 0, 1, aggregations=[], bucket_duration=5), "aggregations needs at least one"),
        (lambda c: c.ts_range("t", 0, 1, aggregation="avg", aggregations=["min"]), "at most one of aggregation, aggr"),
        (lambda c: c.ts_range("t", 0, 1, filter_by_ts=5), "filter_by_ts must be a collection"),
        (lambda c: c.ts_range("t", 0, 1, filter_by_value=5), "filter_by_value must be a tuple of 2"),
        (
            lambda c: c.ts_range("t", 0, 1, aggregation="avg", bucket_duration=5, bucket_timestamp="late"),
            "bucket_timestamp must be one of",
        ),
        (lambda c: c.ts_nrange(["t", "u"], 0, 1, aggregation=["avg"], bucket_duration=5), "each of 2 keys, and has 1"),
        (lambda c: c.ts_nrange("t", 0, 1, aggregation="avg,me", bucket_duration=5), "aggregation must be one of"),
        (lambda c: c.ts_mrange(0, 1), "filters needs at least one"),
        (lambda c: c.ts_mrange(0, 1, "a=b", groupby="a"), "groupby must be a tuple of 2"),
        (lambda c: c.ts_mrange(0, 1, "a=b", withlabels=True, selected_labels=["a"]), "at most one of withlabels"),
        (lambda c: c.ts_read("t", 0, min_count=2), "min_count needs block"),
        (lambda c: c.topk_reserve("k", 5, width=8), "width, depth, decay must be given together"),
        (lambda c: c.bf_reserve("b", 0.1, 5, nonscaling=True, expansion=2), "nonscaling does not go with expansion"),
        (lambda c: c.bf_insert("b", "x", nocreate=True, error=0.1), "nocreate does not go with capacity or error"),
        (lambda c: c.cf_insert("c", "x", nocreate=True, capacity=5), "nocreate does not go with capacity"),
        (lambda c: c.cms_merge("s", "a", weights=[1, 2]), "one number for each source"),
        (lambda c: JSONPath(".a"), "begins with"),
        (lambda c: c.json_type("d", 5), "path must be text or bytes, not int"),
        (lambda c: c.json_set("d", "$", MOMENT), "value cannot be JSON text: Object of type datetime"),
        (lambda c: c.json_mset([("d", "$", {1, 2})]), "triplets cannot be JSON text"),
        (lambda c: c.json_set("d", "$", 1, dumps="x"), "dumps must be a function"),
        (lambda c: c.ts_nrange("t", 0, 1, aggregation=5, bucket_duration=5), "aggregation must be a collection"),
        (lambda c: c.cms_merge("s", "a", weights=5), "weights must be a collection"),
        (lambda c: c.ft_spellcheck("i", "q", distance="2"), "distance must be from 1 to 4"),
    ],
)
def test_refused(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(Recorder())


@pytest.mark.parametrize(
    ("path", "several"),
    [("$", True), ("$.a", True), ("$..a", True), ("$[0]", True), (b"$.a", True), (".", False), ("a", False),
     (".$", False), ("$a", False), (b".a", False), ("", False)],
)  # fmt: skip
def test_a_path_decides_how_the_reply_is_read(path: str | bytes, several: bool) -> None:
    recorder = Recorder()
    recorder.json_type("d", path)
    assert recorder.spec.decode is not None
    assert recorder.spec.decode(["object"]) == (["object"] if several else "object")


def test_what_the_callers_own_function_raises_is_the_callers() -> None:
    with pytest.raises(TypeError, match="no len"):
        Recorder().json_set("d", "$", 1, dumps=len)


def test_a_refused_document_is_in_no_error() -> None:
    with pytest.raises(UsageError) as raised:
        Recorder().json_set("d", "$", {"secret": MOMENT})
    assert raised.value.__context__ is None


def test_a_jsonpath_is_text() -> None:
    assert JSONPath("$.a") == "$.a"
    assert JSONPath("$") + ".a" == "$.a"


def test_reading_samples_blocks_only_where_asked() -> None:
    recorder = Recorder()
    recorder.ts_read("BLOCK", 0, max_count=1)
    assert recorder.spec.blocking is not None
    assert recorder.spec.blocking.seconds(recorder.words) is None
    recorder.ts_read("t", 0, block=MINUTE, min_count=5)
    assert recorder.spec.blocking.seconds(recorder.words) == 60
