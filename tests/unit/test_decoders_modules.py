"""Replies of the module commands as they are documented, in RESP2 and in RESP3, as text and as bytes.

No server here has these commands, so the documented replies stand in for a server's.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hiredis import ReplyError

from redpoll import decoders as d
from redpoll.errors import DecodeFailed, ServerError, UsageError
from redpoll.records.probabilistic import BloomInfo, CountMinSketchInfo, CuckooInfo, TDigestInfo, TopKInfo
from redpoll.records.timeseries import CompactionRule, Series, SeriesChunk, SeriesInfo, SeriesRows, SeriesSample
from redpoll.shapes import decoded
from redpoll.spec import Spec
from redpoll.types import Loads
from tests.unit.test_decoders import as_bytes, in_every_shape

# The decoder, the replies of both protocols, the value on a client of text; and on one of bytes, where that is another.
Row = tuple[Callable[[Any], Any], Any, Any, Any] | tuple[Callable[[Any], Any], Any, Any, Any, Any]

JSON: list[Row] = [
    (d.json_value, '{"a": [1, 2.5]}', '{"a": [1, 2.5]}', {"a": [1, 2.5]}),
    (d.json_value, None, None, None),
    (d.json_values, ["[1]", None], ["[1]", None], [[1], None]),
    (d.json_values, None, None, []),
    (d.json_lengths, [3, None], [3, None], [3, None]),
    (d.json_length, 3, 3, 3),
    (d.json_length, "3", 3, 3),
    (d.json_length, None, None, None),
    (d.json_numbers, "[null,4,7.5]", [None, 4, 7.5], [None, 4, 7.5]),
    (d.json_numbers, "[]", [], []),
    (d.json_number, "5", [5], 5),
    (d.json_number, "5.5", 5.5, 5.5),
    (d.json_number, "null", [None], None),
    (d.json_flags, [1, 0, None], [True, False, None], [True, False, None]),
    (d.json_flag, "true", [True], True),
    (d.json_flag, "false", False, False),
    (d.json_types, ["integer", "boolean"], [["integer", "boolean"]], ["integer", "boolean"]),
    (d.json_types, ["integer", "boolean"], [["integer"], ["boolean"]], ["integer", "boolean"]),
    (d.json_types, [], [[]], []),
    (d.json_types, None, [None], []),
    (d.json_type, "object", ["object"], "object"),
    (d.json_type, None, [None], None),
]

SAMPLES: list[Row] = [
    (d.sample, [100, "1.5"], [100, 1.5], (100, 1.5)),
    (d.sample, [], [], None),
    (d.sample_list, [[100, "1"], [200, "inf"]], [[100, 1.0], [200, math.inf]], [(100, 1.0), (200, math.inf)]),
    (d.bucket_rows, [[0, "1", "2"]], [[0, 1.0, 2.0]], [(0, [1.0, 2.0])]),
    (d.joined_rows, [[0, ["10", "20"]]], [[0, [10.0, 20.0]]], [(0, [10.0, 20.0])]),
]

SERIES: list[Row] = [
    (
        d.timeseries.newest_samples,
        [["t", [["room", "study"], ["none", None]], [35, "40"]], ["e", [], []]],
        {"t": [{"room": "study", "none": None}, [35, 40.0]], "e": [{}, []]},
        {"t": SeriesSample({"room": "study", "none": None}, (35, 40.0)), "e": SeriesSample({}, None)},
        {b"t": SeriesSample({b"room": b"study", b"none": None}, (35, 40.0)), b"e": SeriesSample({}, None)},
    ),
    (
        d.timeseries.series_map,
        [["t", [["room", "study"]], [[0, "1"], [9, "2"]]]],
        {"t": [{"room": "study"}, {"aggregators": ["avg"]}, [[0, 1.0], [9, 2.0]]]},
        {"t": Series({"room": "study"}, [(0, 1.0), (9, 2.0)])},
        {b"t": Series({b"room": b"study"}, [(0, 1.0), (9, 2.0)])},
    ),
    (
        d.timeseries.series_map,
        [["type=stock", [], [[0, "1"]]]],
        {"type=stock": [{}, {"reducers": ["max"]}, {"sources": ["a", "b"]}, [[0, 1.0]]]},
        {"type=stock": Series({}, [(0, 1.0)])},
        {b"type=stock": Series({}, [(0, 1.0)])},
    ),
    (
        d.timeseries.series_groups,
        [["type=stock", [["type", "stock"], ["__reducer__", "max"], ["__source__", "a,b"]], [[0, "1"]]]],
        {"type=stock": [{"type": "stock"}, {"reducers": ["max"]}, {"sources": ["a", "b"]}, [[0, 1.0]]]},
        {"type=stock": Series({"type": "stock"}, [(0, 1.0)], "max", ["a", "b"])},
        {b"type=stock": Series({b"type": b"stock"}, [(0, 1.0)], "max", [b"a", b"b"])},
    ),
    (
        d.timeseries.series_rows,
        [["t", [], [[0, "1", "2"]]]],
        {"t": [{}, {"aggregators": ["min", "max"]}, [[0, 1.0, 2.0]]]},
        {"t": SeriesRows({}, [(0, [1.0, 2.0])])},
        {b"t": SeriesRows({}, [(0, [1.0, 2.0])])},
    ),
]

FILTERS: list[Row] = [
    (d.added_items, [1, 0], [True, False], [True, False]),
    (d.added_items, [1, "Filter is full"], [True, ReplyError("ERR non scaling filter is full")], [True, None]),
    (d.added_items, [1, 0, -1], [1, 0, -1], [True, False, None]),
    (d.one_field, [100], {"Capacity": 100}, 100),
    (d.one_field, [None], {"Expansion rate": None}, None),
]


@pytest.mark.parametrize("row", [*JSON, *SAMPLES, *SERIES, *FILTERS])
def test_replies(row: Row) -> None:
    decode, resp2, resp3, text = row[:4]
    for reply in (resp2, resp3):
        assert repr(decode(reply)) == repr(text)
        assert repr(decode(as_bytes(reply))) == repr(row[-1])


def test_names_of_members_are_the_clients_text() -> None:
    assert d.json_value(b'{"a": "b"}') == {"a": "b"}


SERIES_INFO: dict[str, Any] = {
    "totalSamples": 2,
    "memoryUsage": 4246,
    "firstTimestamp": 100,
    "lastTimestamp": 200,
    "retentionTime": 5000,
    "chunkCount": 1,
    "chunkSize": 4096,
    "chunkType": "compressed",
    "duplicatePolicy": "LAST",
    "sourceKey": None,
    "ignoreMaxTimeDiff": 10,
    "ignoreMaxValDiff": 0.5,
    "newer": "word",
}
CHUNK = {"startTimestamp": 100, "endTimestamp": 200, "samples": 2, "size": 4096, "bytesPerSample": 2048.0}


def series_info(**fields: Any) -> SeriesInfo[Any]:
    known: dict[str, Any] = {
        "total_samples": 2, "memory_usage": 4246, "first_timestamp": 100, "last_timestamp": 200, "retention": 5000,
        "chunk_count": 1, "chunk_size": 4096, "chunk_type": "compressed", "duplicate_policy": "last", "source_key": None,
        "ignore_max_time_diff": 10, "ignore_max_val_diff": 0.5, "extra": {"newer": "word"},
    }  # fmt: skip
    return SeriesInfo(**known, **fields)


def test_series_info() -> None:
    """Rules and labels are lists of lists in RESP2, and maps in RESP3."""
    decode = d.timeseries.series_info
    resp3 = SERIES_INFO | {"labels": {"a": "b"}, "rules": {"c": [100, "AVG", 0]}}
    expected = series_info(labels={"a": "b"}, rules=[CompactionRule("c", 100, "avg", 0)])
    assert decode(resp3) == expected
    resp2 = SERIES_INFO | {"labels": [["a", "b"]], "rules": [["c", 100, "AVG", 0]], "ignoreMaxValDiff": "0.5"}
    assert decode([part for pair in resp2.items() for part in pair]) == expected
    assert decode(as_bytes(resp3)) == series_info(labels={b"a": b"b"}, rules=[CompactionRule(b"c", 100, "avg", 0)])


def test_series_info_with_chunks() -> None:
    bare = SERIES_INFO | {"labels": [], "rules": []}
    for chunk in (CHUNK, [part for pair in (CHUNK | {"bytesPerSample": "2048"}).items() for part in pair]):
        info = d.timeseries.series_info(bare | {"keySelfName": "t", "Chunks": [chunk]})
        assert info == series_info(labels={}, rules=[], key="t", chunks=[SeriesChunk(100, 200, 2, 4096, 2048.0)])
    assert pickle.loads(pickle.dumps(info)) == info


@pytest.mark.parametrize(
    ("decode", "names", "value"),
    [
        (
            d.probabilistic.bloom_info,
            ("Capacity", "Size", "Number of filters", "Number of items inserted", "Expansion rate"),
            BloomInfo(1, 2, 3, 4, 5, {"New": "word"}),
        ),
        (
            d.probabilistic.cuckoo_info,
            (
                *("Size", "Number of buckets", "Number of filters", "Number of items inserted"),
                *("Number of items deleted", "Bucket size", "Expansion rate", "Max iterations"),
            ),
            CuckooInfo(1, 2, 3, 4, 5, 6, 7, 8, {"New": "word"}),
        ),
        (
            d.probabilistic.count_min_sketch_info,
            ("width", "depth", "count"),
            CountMinSketchInfo(1, 2, 3, {"New": "word"}),
        ),
        (
            d.probabilistic.tdigest_info,
            (
                *("Compression", "Capacity", "Merged nodes", "Unmerged nodes", "Merged weight", "Unmerged weight"),
                *("Observations", "Total compressions", "Memory usage"),
            ),
            TDigestInfo(1, 2, 3, 4, 5, 6, 7, 8, 9, {"New": "word"}),
        ),
    ],
)
def test_records_of_sketches(decode: Callable[[Any], Any], names: tuple[str, ...], value: Any) -> None:
    reply = {name: number for number, name in enumerate(names, 1)} | {"New": "word"}
    assert in_every_shape(decode, reply) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_topk_info() -> None:
    assert in_every_shape(d.probabilistic.topk_info, {"k": 1, "width": 2, "depth": 3, "decay": 0.9}) == TopKInfo(
        1, 2, 3, 0.9
    )


def test_a_filter_without_growth_has_no_expansion() -> None:
    names = ("Capacity", "Size", "Number of filters", "Number of items inserted")
    assert d.probabilistic.bloom_info(dict.fromkeys(names, 1) | {"Expansion rate": None}).expansion is None


def test_chunks_end_with_an_empty_one() -> None:
    assert d.dumped_chunk([1, b"\xff"]) == (1, b"\xff")
    assert d.dumped_chunk([0, b""]) == d.dumped_chunk([0, None]) == (0, b"")


def test_a_refused_sample_is_an_error_among_the_timestamps() -> None:
    first, second = d.added_samples([100, ReplyError("ERR TSDB: the key does not exist")])
    assert first == 100
    assert isinstance(second, ServerError)
    assert second.command == "TS.MADD"
    assert second.code == "ERR"


@pytest.mark.parametrize("decode", [d.json_numbers, d.json_flags])
@pytest.mark.parametrize("reply", [['"text"'], [[1]], "{"])
def test_nonsense_raises(decode: Callable[[Any], Any], reply: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode(reply)


class Unhashable:
    __hash__ = None  # type: ignore[assignment]  # as a class with __eq__ and no __hash__ has it

    def __call__(self, text: Any) -> Any:
        return f"<{text}>"


@pytest.mark.parametrize("loads", [Unhashable(), lambda text: f"<{text}>"])
def test_loads_reads_the_documents(loads: Loads) -> None:
    spec: Spec[Any] = Spec("JSON.MGET", d.json_values, replay=True, text=False)
    made = d.through(spec, loads)
    assert made.decode is not None
    assert made.decode(["[1]", None]) == ["<[1]>", None]
    assert (made.name, made.replay, made.text) == ("JSON.MGET", True, False)
    assert d.through(spec, None) is spec


def test_the_same_loads_makes_no_new_spec() -> None:
    spec: Spec[Any] = Spec("JSON.GET", d.json_value)
    assert d.through(spec, float) is d.through(spec, float)


def test_loads_that_fails_tells_no_document() -> None:
    def loads(text: Any) -> Any:
        raise KeyError(text)

    made = d.through(Spec("JSON.GET", d.json_value), loads)
    with pytest.raises(DecodeFailed, match="loads failed with KeyError") as caught:
        decoded(made, '"canary"', "h:1")
    error = caught.value
    assert (error.outcome, error.command, error.address) == ("ran", "JSON.GET", "h:1")
    assert "canary" not in f"{error}{error.__cause__}{error.__context__}"


def test_loads_is_a_function() -> None:
    with pytest.raises(UsageError, match="loads must be a function"):
        d.through(Spec("JSON.GET", d.json_value), 5)  # type: ignore[arg-type]  # wrong on purpose
