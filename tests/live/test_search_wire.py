"""Search, against a scripted server: no server of these tests has it, so its documented replies are played back.

Each row is a call, the words that must arrive, the reply of either protocol, and the one value that both must become, on
clients of str and of bytes, awaited and in a pipeline.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from redpoll import ProtocolViolation, Redis, ServerError, UsageError
from redpoll.records.search import (
    AggregateResult,
    Document,
    HybridResult,
    IndexField,
    IndexInfo,
    IndexSettings,
    ProfileResult,
    SearchResult,
)
from redpoll.search import (
    AggregateRequest,
    Cursor,
    Desc,
    GroupBy,
    HybridQuery,
    HybridVsimQuery,
    IndexDefinition,
    Knn,
    Limit,
    NumericField,
    Query,
    SortBy,
    TagField,
    TextField,
    reducers,
)
from redpoll.types import S
from tests.fault.fake_server import FakeServer, On, bulk
from tests.live.annotations import misfit
from tests.live.commands.cases import Checked

Protocol = Literal[2, 3]


class Simple(str):
    """A simple string."""


def resp(value: Any, protocol: Protocol) -> bytes:
    """Return a value as a reply."""
    match value:
        case None:
            return b"_\r\n" if protocol == 3 else b"$-1\r\n"
        case Simple():
            return f"+{value}\r\n".encode()
        case int():
            return b":%d\r\n" % value
        case float():
            return f",{value!r}\r\n".encode()
        case str():
            return bulk(value.encode())
        case dict():
            inner = b"".join(resp(key, protocol) + resp(each, protocol) for key, each in value.items())
            return b"%%%d\r\n%s" % (len(value), inner)
        case set():
            return b"~%d\r\n%s" % (len(value), b"".join(resp(each, protocol) for each in sorted(value)))
        case _:
            return b"*%d\r\n%s" % (len(value), b"".join(resp(each, protocol) for each in value))


class Row(NamedTuple):
    """A call and what comes of it."""

    call: Callable[[Any], Any]
    words: str
    two: Any
    three: Any
    value: Any


OK = Simple("OK")


def found(total: int, *results: dict[str, Any], warning: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what RESP3 answers of a search or an aggregation."""
    return {
        "attributes": [],
        "warning": list(warning),
        "total_results": total,
        "format": Simple("STRING"),
        "results": [{**result, "values": []} for result in results],
    }


FULL = Document("d1", {"f1": "3", "f2": "2"}, 1.5, "pay", "#2", ["Final: 1.50", ["TFIDF 1.50", "x"]])
WHY = ["Final: 1.50", ["TFIDF 1.50", "x"]]

SEARCHES = [
    Row(
        lambda r: r.ft_search("idx", "*"),
        "FT.SEARCH idx *",
        [2, "d2", ["f1", "3", "f2", "2"], "d1", ["f1", "3"]],
        found(2, {"id": "d2", "extra_attributes": {"f1": "3", "f2": "2"}}, {"id": "d1", "extra_attributes": {"f1": "3"}}),
        SearchResult(2, [Document("d2", {"f1": "3", "f2": "2"}), Document("d1", {"f1": "3"})]),
    ),
    Row(
        lambda r: r.ft_search("idx", "q", nocontent=True, limit=(0, 3)),
        "FT.SEARCH idx q NOCONTENT LIMIT 0 3",
        [5, "s1", "s2", "s3"],
        found(5, {"id": "s1"}, {"id": "s2"}, {"id": "s3"}),
        SearchResult(5, [Document("s1", {}), Document("s2", {}), Document("s3", {})]),
    ),
    Row(
        lambda r: r.ft_search("idx", "q", nocontent=True, verbatim=True, withscores=True),
        "FT.SEARCH idx q NOCONTENT VERBATIM WITHSCORES",
        [2, "s1", "0.5", "s2", "0.25"],
        found(2, {"id": "s1", "score": 0.5}, {"id": "s2", "score": 0.25}),
        SearchResult(2, [Document("s1", {}, 0.5), Document("s2", {}, 0.25)]),
    ),
    Row(
        lambda r: r.ft_search(
            "idx", "q", withscores=True, withpayloads=True, withsortkeys=True, explainscore=True, sortby="f2"
        ),
        "FT.SEARCH idx q WITHSCORES WITHPAYLOADS WITHSORTKEYS EXPLAINSCORE SORTBY f2",
        [2, "d1", ["1.5", WHY], "pay", "#2", ["f1", "3", "f2", "2"], "d2", ["0.5", "Same"], None, None, []],
        found(
            2,
            {"id": "d1", "score": [1.5, WHY], "payload": "pay", "sortkey": "#2", "extra_attributes": {"f1": "3", "f2": "2"}},
            {"id": "d2", "score": [0.5, "Same"], "payload": None, "sortkey": None, "extra_attributes": {}},
        ),
        SearchResult(2, [FULL, Document("d2", {}, 0.5, None, None, ["Same"])]),
    ),
    Row(
        lambda r: r.ft_search("idx", "q", withsortkeys=True, sortby=Desc("t")),
        "FT.SEARCH idx q WITHSORTKEYS SORTBY t DESC",
        [2, "d1", "$b", ["t", "b"], "gone", None, None],
        found(
            2, {"id": "d1", "sortkey": "$b", "extra_attributes": {"t": "b"}},
            {"id": "gone", "sortkey": None, "extra_attributes": None},
        ),
        SearchResult(2, [Document("d1", {"t": "b"}, sortkey="$b"), Document("gone", {})]),
    ),
    Row(
        lambda r: r.ft_search("idx", Query("q", limit=(0, 0))),
        "FT.SEARCH idx q LIMIT 0 0",
        [7],
        found(7),
        SearchResult(7, []),
    ),
    Row(  # a query that reads as an option
        lambda r: r.ft_search("idx", "NOCONTENT", infields=["WITHSCORES"]),
        "FT.SEARCH idx NOCONTENT INFIELDS 1 WITHSCORES",
        [1, "d1", ["a", "b"]],
        found(1, {"id": "d1", "extra_attributes": {"a": "b"}}),
        SearchResult(1, [Document("d1", {"a": "b"})]),
    ),
]  # fmt: skip

AGGREGATIONS = [
    Row(
        lambda r: r.ft_aggregate(
            "gh", "*", GroupBy("@actor", reducers.count(as_="num")), SortBy(Desc("@num"), max=10), Limit(0, 2)
        ),
        "FT.AGGREGATE gh * GROUPBY 1 @actor REDUCE COUNT 0 AS num SORTBY 2 @num DESC MAX 10 LIMIT 0 2",
        [284784, ["actor", "a", "num", "22197"], ["actor", None, "num", "17746"]],
        found(
            284784, {"extra_attributes": {"actor": "a", "num": "22197"}},
            {"extra_attributes": {"actor": None, "num": "17746"}},
        ),
        AggregateResult([{"actor": "a", "num": "22197"}, {"actor": None, "num": "17746"}], None, 284784),
    ),
    Row(
        lambda r: r.ft_aggregate("idx", "q", GroupBy((), reducers.tolist("@t", as_="all")), verbatim=True, dialect=3),
        "FT.AGGREGATE idx q VERBATIM GROUPBY 0 REDUCE TOLIST 1 @t AS all DIALECT 3",
        [1, ["all", ["x", "y"]]],
        found(1, {"extra_attributes": {"all": ["x", "y"]}}),
        AggregateResult([{"all": ["x", "y"]}], None, 1),
    ),
    Row(
        lambda r: r.ft_aggregate("idx", AggregateRequest(cursor=Cursor(1))),
        "FT.AGGREGATE idx * WITHCURSOR COUNT 1",
        [[3, ["f1", "3"]], 342459320],
        [found(3, {"extra_attributes": {"f1": "3"}}), 342459320],
        AggregateResult([{"f1": "3"}], 342459320, 3),
    ),
    Row(
        lambda r: r.ft_cursor_read("idx", 342459320, count=50),
        "FT.CURSOR READ idx 342459320 COUNT 50",
        [[0, ["f1", "3"], []], 0],
        [found(0, {"extra_attributes": {"f1": "3"}}, {"extra_attributes": {}}), 0],
        AggregateResult([{"f1": "3"}, {}], 0, 0),
    ),
    Row(lambda r: r.ft_cursor_del("idx", 7), "FT.CURSOR DEL idx 7", OK, OK, True),
    Row(lambda r: r.ft_aggregate("idx", "none"), "FT.AGGREGATE idx none", [0], found(0), AggregateResult([], None, 0)),
    Row(
        lambda r: r.ft_hybrid("idx", HybridQuery("q", HybridVsimQuery("@v", "$v", Knn(2)), params={"v": "blob"})),
        "FT.HYBRID idx SEARCH q VSIM @v $v KNN 2 K 2 PARAMS 2 v blob",
        ["total_results", 2, "results", [["__key", "d1", "__score", "0.03"], ["__key", "d2", "__score", "0.02"]],
         "warnings", [Simple("slow")], "execution_time", "0.25"],
        {"total_results": 2, "results": [{"__key": "d1", "__score": "0.03"}, {"__key": "d2", "__score": "0.02"}],
         "warnings": [Simple("slow")], "execution_time": 0.25},
        HybridResult(2, [{"__key": "d1", "__score": "0.03"}, {"__key": "d2", "__score": "0.02"}], ["slow"], 0.25),
    ),
]  # fmt: skip

ERRORS = {"indexing failures": 0, "last indexing error": "N/A", "last indexing error key": "N/A"}
FLAT_ERRORS = [word for pair in ERRORS.items() for word in pair]
SCHEMA = [TextField("title", weight=2, nostem=True, sortable=True), TagField("$.g", as_="g"), NumericField("n")]

INDEXES = [
    Row(
        lambda r: r.ft_create("books", SCHEMA, IndexDefinition(["b:"], on="HASH"), stopwords=[], temporary=60),
        "FT.CREATE books ON HASH PREFIX 1 b: TEMPORARY 60 STOPWORDS 0 SCHEMA"
        " title TEXT WEIGHT 2 NOSTEM SORTABLE $.g AS g TAG n NUMERIC",
        OK, OK, True,
    ),
    Row(
        lambda r: r.ft_alter("books", NumericField("year", sortable=True), skipinitialscan=True),
        "FT.ALTER books SKIPINITIALSCAN SCHEMA ADD year NUMERIC SORTABLE",
        OK, OK, True,
    ),
    Row(lambda r: r.ft_dropindex("books", dd=True), "FT.DROPINDEX books DD", OK, OK, True),
    Row(lambda r: r.ft_list(), "FT._LIST", ["a", "b"], {"a", "b"}, {"a", "b"}),
    Row(lambda r: r.ft_aliasadd("al", "idx"), "FT.ALIASADD al idx", OK, OK, True),
    Row(lambda r: r.ft_aliasupdate("al", "idx"), "FT.ALIASUPDATE al idx", OK, OK, True),
    Row(lambda r: r.ft_aliasdel("al"), "FT.ALIASDEL al", OK, OK, True),
    Row(lambda r: r.ft_aliaslist("idx"), "FT.ALIASLIST idx", ["al"], {"al"}, {"al"}),
    Row(lambda r: r.ft_tagvals("idx", "g"), "FT.TAGVALS idx g", ["x", "y"], {"x", "y"}, {"x", "y"}),
    Row(
        lambda r: r.ft_info("idx"),
        "FT.INFO idx",
        [
            "index_name", "idx", "index_options", ["NOFREQS"],
            "index_definition", ["key_type", "HASH", "prefixes", ["b:"], "filter", "@n>1", "default_score", "1",
                                 "indexes_all", "false"],
            "attributes", [
                ["identifier", "title", "attribute", "title", "type", "TEXT", "WEIGHT", "2", "SORTABLE", "NOSTEM"],
                ["identifier", "$.g", "attribute", "g", "type", "TAG", "SEPARATOR", ",", "CASESENSITIVE"],
                ["identifier", "v", "attribute", "v", "type", "VECTOR", "algorithm", "FLAT", "dim", 2],
            ],
            "num_docs", "10", "max_doc_id", "12", "num_terms", "546", "num_records", "692",
            "inverted_sz_mb", "0.5", "records_per_doc_avg", "69.25", "hash_indexing_failures", 0,
            "total_indexing_time", "4.5", "indexing", "0", "percent_indexed", "1", "number_of_uses", 3, "cleaning", 0,
            "gc_stats", ["bytes_collected", "0", "total_ms_run", "1.5"],
            "cursor_stats", ["global_idle", 0, "index_capacity", 128], "dialect_stats", ["dialect_1", 0, "dialect_2", 4],
            "Index Errors", FLAT_ERRORS, "field statistics",
            [["identifier", "title", "attribute", "7", "Index Errors", FLAT_ERRORS]],
            "stopwords_list", ["the", "a"],
        ],
        {
            "index_name": "idx", "index_options": ["NOFREQS"],
            "index_definition": {"key_type": "HASH", "prefixes": ["b:"], "filter": "@n>1", "default_score": 1.0,
                                 "indexes_all": "false"},
            "attributes": [
                {"identifier": "title", "attribute": "title", "type": "TEXT", "WEIGHT": 2.0,
                 "flags": ["SORTABLE", "NOSTEM"]},
                {"identifier": "$.g", "attribute": "g", "type": "TAG", "SEPARATOR": ",", "flags": ["CASESENSITIVE"]},
                {"identifier": "v", "attribute": "v", "type": "VECTOR", "algorithm": "FLAT", "dim": 2, "flags": []},
            ],
            "num_docs": 10, "max_doc_id": 12, "num_terms": 546, "num_records": 692.0,
            "inverted_sz_mb": 0.5, "records_per_doc_avg": 69.25, "hash_indexing_failures": 0,
            "total_indexing_time": 4.5, "indexing": 0, "percent_indexed": 1.0, "number_of_uses": 3, "cleaning": 0,
            "gc_stats": {"bytes_collected": 0.0, "total_ms_run": 1.5},
            "cursor_stats": {"global_idle": 0, "index_capacity": 128}, "dialect_stats": {"dialect_1": 0, "dialect_2": 4},
            "Index Errors": ERRORS,
            "field statistics": [{"identifier": "title", "attribute": "7", "Index Errors": ERRORS}],
            "stopwords_list": ["the", "a"],
        },
        IndexInfo(
            name="idx",
            options=["NOFREQS"],
            definition=IndexSettings("HASH", ["b:"], 1.0, "@n>1"),
            fields=[
                IndexField("title", "title", "TEXT", ["SORTABLE", "NOSTEM"], {"WEIGHT": 2.0}),
                IndexField("$.g", "g", "TAG", ["CASESENSITIVE"], {"SEPARATOR": ","}),
                IndexField("v", "v", "VECTOR", [], {"algorithm": "FLAT", "dim": 2}),
            ],
            num_docs=10, max_doc_id=12, num_terms=546, num_records=692, total_indexing_time=4.5, number_of_uses=3,
            stopwords=["the", "a"],
            gc_stats={"bytes_collected": 0.0, "total_ms_run": 1.5},
            cursor_stats={"global_idle": 0, "index_capacity": 128},
            dialect_stats={"dialect_1": 0, "dialect_2": 4},
            errors=ERRORS,
            field_statistics=[{"identifier": "title", "attribute": "7", "Index Errors": ERRORS}],
            extra={"inverted_sz_mb": 0.5, "records_per_doc_avg": 69.25},
        ),
    ),
    Row(  # what another server may leave out or add
        lambda r: r.ft_info("idx"),
        "FT.INFO idx",
        ["index_name", "idx", "index_definition", ["key_type", "HASH"], "num_docs", "1", "state", "ready",
         "attributes", [["identifier", "v", "attribute", "v", "type", "VECTOR", "index", ["m", 16, "kind", "x"], "NEW"]]],
        {"index_name": "idx", "index_definition": {"key_type": "HASH"}, "num_docs": 1, "state": "ready",
         "attributes": [{"identifier": "v", "attribute": "v", "type": "VECTOR", "index": ["m", 16, "kind", "x"],
                         "flags": ["NEW"]}]},
        IndexInfo(
            "idx", [], IndexSettings("HASH", []),
            [IndexField("v", "v", "VECTOR", ["NEW"], {"index": ["m", 16, "kind", "x"]})], 1, 0, 0, 0,
            extra={"state": "ready"},
        ),
    ),
]  # fmt: skip

OTHERS = [
    Row(lambda r: r.ft_dictadd("d", "a", "b"), "FT.DICTADD d a b", 2, 2, 2),
    Row(lambda r: r.ft_dictdel("d", "a"), "FT.DICTDEL d a", 1, 1, 1),
    Row(lambda r: r.ft_dictdump("d"), "FT.DICTDUMP d", ["a", "b"], {"a", "b"}, {"a", "b"}),
    Row(
        lambda r: r.ft_synupdate("idx", "g1", "boy", "child", skipinitialscan=True),
        "FT.SYNUPDATE idx g1 SKIPINITIALSCAN boy child", OK, OK, True,
    ),
    Row(
        lambda r: r.ft_syndump("idx"), "FT.SYNDUMP idx",
        ["boy", ["g1"], "child", ["g1", "g2"]], {"boy": ["g1"], "child": ["g1", "g2"]},
        {"boy": ["g1"], "child": ["g1", "g2"]},
    ),
    Row(
        lambda r: r.ft_spellcheck("idx", "held hlep", distance=2, include=["d1", "d2"], exclude="d3"),
        "FT.SPELLCHECK idx held~hlep DISTANCE 2 TERMS INCLUDE d1 TERMS INCLUDE d2 TERMS EXCLUDE d3",
        [["TERM", "held", [["0.6", "hello"], ["0.3", "help"]]], ["TERM", "hlep", []]],
        {"results": {"held": [{"hello": 0.6}, {"help": 0.3}], "hlep": []}},
        {"held": [("hello", 0.6), ("help", 0.3)], "hlep": []},
    ),
    Row(lambda r: r.ft_explain("idx", "q", dialect=2), "FT.EXPLAIN idx q DIALECT 2", "UNION {\n}\n", "UNION {\n}\n",
        "UNION {\n}\n"),
    Row(lambda r: r.ft_explaincli("idx", "q"), "FT.EXPLAINCLI idx q", ["UNION {", "}"], ["UNION {", "}"],
        ["UNION {", "}"]),
    Row(
        lambda r: r.ft_config_get("*"), "FT.CONFIG GET *",
        [["TIMEOUT", "500"], ["EXTLOAD", None]], {"TIMEOUT": "500", "EXTLOAD": None}, {"TIMEOUT": "500", "EXTLOAD": None},
    ),
    Row(
        lambda r: r.ft_config_help("TIMEOUT"), "FT.CONFIG HELP TIMEOUT",
        [["TIMEOUT", "Description", "Of queries", "Value", "500"]],
        {"TIMEOUT": {"Description": "Of queries", "Value": "500"}},
        {"TIMEOUT": {"Description": "Of queries", "Value": "500"}},
    ),
    Row(lambda r: r.ft_config_set("TIMEOUT", 501), "FT.CONFIG SET TIMEOUT 501", OK, OK, True),
    Row(lambda r: r.ft_sugadd("sug", "hello", 1.5, incr=True, payload="p"),
        "FT.SUGADD sug hello 1.5 INCR PAYLOAD p", 1, 1, 1),
    Row(lambda r: r.ft_sugdel("sug", "hello"), "FT.SUGDEL sug hello", 1, 1, True),
    Row(lambda r: r.ft_suglen("sug"), "FT.SUGLEN sug", 3, 3, 3),
    Row(lambda r: r.ft_sugget("sug", "he", fuzzy=True, max=3), "FT.SUGGET sug he FUZZY MAX 3",
        ["hell", "hello"], ["hell", "hello"], ["hell", "hello"]),
    Row(lambda r: r.ft_sugget("sug", "he", withscores=True), "FT.SUGGET sug he WITHSCORES",
        ["hell", "2147483648", "hello", "0.7"], ["hell", 2147483648.0, "hello", 0.7],
        [("hell", 2147483648.0), ("hello", 0.7)]),
    Row(lambda r: r.ft_sugget("sug", "he", withpayloads=True), "FT.SUGGET sug he WITHPAYLOADS",
        ["hell", None, "hello", "p"], ["hell", None, "hello", "p"], [("hell", None), ("hello", "p")]),
    Row(lambda r: r.ft_sugget("sug", "he", withscores=True, withpayloads=True),
        "FT.SUGGET sug he WITHSCORES WITHPAYLOADS",
        ["hell", "1.5", None, "hello", "0.5", "p"], ["hell", 1.5, None, "hello", 0.5, "p"],
        [("hell", 1.5, None), ("hello", 0.5, "p")]),
    Row(lambda r: r.ft_sugget("sug", "x", withscores=True), "FT.SUGGET sug x WITHSCORES", [], [], []),
]  # fmt: skip

REPORT = {
    "Shards": [
        {
            "Total profile time": 0.5,
            "Parsing time": 0.25,
            "Warning": "None",
            "Iterators profile": {
                "Type": "UNION",
                "Query type": "UNION",
                "Time": 0.125,
                "Counter": 2,
                "Child iterators": [
                    {"Type": "TEXT", "Term": "hello", "Time": 0.0, "Counter": 1, "Size": 1},
                    {"Type": "NOT", "Time": 0.0, "Counter": 1, "Child iterator": {"Type": "EMPTY", "Counter": 0}},
                ],
            },
            "Result processors profile": [
                {"Type": "Index", "Time": 0.0, "Counter": 2},
                {"Type": "Scorer", "Time": 0.5, "Counter": 2},
            ],
        }
    ],
    "Coordinator": {},
}


def flat(value: Any) -> Any:
    """Return a report as RESP2 has it: maps as lists, doubles as text."""
    if isinstance(value, dict):
        return [part for key, each in value.items() for part in (key, flat(each))]
    return (
        [flat(each) for each in value] if isinstance(value, list) else str(value) if isinstance(value, float) else value
    )


def old(report: dict[str, Any]) -> list[Any]:
    """Return the report of a server before 8 in RESP2: names with their values, lists of maps spread out."""
    shard = report["Shards"][0]
    iterators = flat({**shard["Iterators profile"], "Child iterators": None})[:-1]
    iterators += [flat(each) for each in shard["Iterators profile"]["Child iterators"]]
    processors = [flat(each) for each in shard["Result processors profile"]]
    return [
        ["Total profile time", "0.5"],
        ["Parsing time", "0.25"],
        ["Warning"],
        ["Iterators profile", iterators],
        ["Result processors profile", *processors],
    ]


HYBRID = HybridQuery("q", HybridVsimQuery("@v", "$v"))
PAGE = found(1, {"id": "d1", "score": 0.5})
GROUP = found(1, {"extra_attributes": {"a": "b"}})
MIXED = {"total_results": 0, "results": [], "warnings": [], "execution_time": 0.5}

PROFILES = [
    Row(
        lambda r: r.ft_profile("idx", Query("hello", nocontent=True, withscores=True), limited=True),
        "FT.PROFILE idx SEARCH LIMITED QUERY hello NOCONTENT WITHSCORES",
        [[1, "d1", "0.5"], flat(REPORT)],
        {"Results": PAGE, "Profile": REPORT},
        ProfileResult(SearchResult(1, [Document("d1", {}, 0.5)]), REPORT),
    ),
    Row(  # servers before 8
        lambda r: r.ft_profile("idx", Query("hello", nocontent=True, withscores=True)),
        "FT.PROFILE idx SEARCH QUERY hello NOCONTENT WITHSCORES",
        [[1, "d1", "0.5"], old(REPORT)],
        {**PAGE, "profile": {**REPORT["Shards"][0], "Iterators profile": [REPORT["Shards"][0]["Iterators profile"]]}},
        ProfileResult(SearchResult(1, [Document("d1", {}, 0.5)]), REPORT),
    ),
    Row(
        lambda r: r.ft_profile("idx", AggregateRequest("hello")),
        "FT.PROFILE idx AGGREGATE QUERY hello",
        [[1, ["a", "b"]], flat(REPORT)],
        {"Results": GROUP, "Profile": REPORT},
        ProfileResult(AggregateResult([{"a": "b"}], None, 1), REPORT),
    ),
    Row(
        lambda r: r.ft_profile("idx", HYBRID),
        "FT.PROFILE idx HYBRID QUERY SEARCH q VSIM @v $v",
        [*flat(MIXED), "Profile", flat(REPORT)],
        {**MIXED, "Profile": REPORT},
        ProfileResult(HybridResult(0, [], [], 0.5), REPORT),
    ),
]


def text(value: Any) -> Any:
    """Return a value with all its bytes as text."""
    if isinstance(value, bytes):
        return value.decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{field.name: text(getattr(value, field.name)) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return {text(key): text(each) for key, each in value.items()}
    return type(value)(map(text, value)) if isinstance(value, list | tuple | set) else value


async def answered(row: Row, protocol: Protocol, decode: bool) -> tuple[Any, Any, list[str]]:
    """Make a call in both faces; return both values and the words of the first."""
    reply = resp(row.two if protocol == 2 else row.three, protocol)
    with FakeServer(answers={row.words.partition(" ")[0]: [reply]}) as server:
        options: Any = {"protocol": protocol, "decode_responses": decode}
        async with Redis(server.host, server.port, **options) as r:
            kind = str if decode else bytes
            client = r if "profile" in row.words.lower() else Checked(r, kind)
            value = await row.call(client)
            async with r.pipeline() as p:
                queued = row.call(p)
        first, second = server.commands()
        assert first == second
        return value, queued.result(), [word.decode().replace(" ", "~") for word in first]


@pytest.mark.parametrize("decode", [True, False], ids=["str", "bytes"])
@pytest.mark.parametrize(
    "row", [*SEARCHES, *AGGREGATIONS, *INDEXES, *OTHERS, *PROFILES], ids=lambda row: row.words[:60]
)
async def test_words_and_value(row: Row, protocol: Protocol, decode: bool) -> None:
    value, queued, words = await answered(row, protocol, decode)
    assert words == row.words.split(" ")
    assert text(value) == row.value
    assert text(queued) == row.value
    for each in (value, queued):
        if isinstance(each, ProfileResult):  # the others are compared with their annotation
            promised: Any = type(row.value.result)
            assert not misfit(each.result, promised[S], str if decode else bytes)


async def test_warnings_of_resp3() -> None:
    row = Row(
        lambda r: r.ft_search("idx", "a*"), "FT.SEARCH idx a*", [0],
        found(0, warning=("Timeout limit was reached",)), None,
    )  # fmt: skip
    assert (await answered(row, 3, True))[0] == SearchResult(0, [], ["Timeout limit was reached"])


@pytest.mark.parametrize("reply", [[1, "d", "no number"], [1, "d"], [], {"results": []}, 7])
async def test_a_reply_of_another_shape(reply: Any) -> None:
    with FakeServer(answers={"FT.SEARCH": [resp(reply, 3)], "FT.INFO": [resp(reply, 3)]}) as server:
        async with Redis(server.host, server.port) as r:
            with pytest.raises(ProtocolViolation) as caught:
                await r.ft_search("idx", "secret", withscores=True, nocontent=True)
            assert "secret" not in str(caught.value)
            with pytest.raises(ProtocolViolation):
                await r.ft_info("idx")


async def test_errors() -> None:
    with FakeServer(answers={"FT.SEARCH": [b"-idx: no such index\r\n"]}) as server:
        async with Redis(server.host, server.port) as r:
            with pytest.raises(ServerError, match="no such index"):
                await r.ft_search("idx", "q")
            with pytest.raises(UsageError, match="limit must be a tuple"):
                await r.ft_search("idx", "q", limit=10)  # type: ignore[arg-type]
            with pytest.raises(UsageError, match="limit: the Query holds its own options"):
                await r.ft_search("idx", Query("q"), limit=(0, 1))
            with pytest.raises(UsageError, match="steps: the AggregateRequest holds"):
                await r.ft_aggregate("idx", AggregateRequest(), Limit(0, 1))
            async with r.pipeline() as p:
                with pytest.raises(UsageError, match="schema needs at least one element"):
                    p.ft_create("idx", [])
        assert server.count("FT.SEARCH") == 1


async def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The program of examples/search.py, with what a server with Search would answer."""
    name = Path(__file__).parents[2] / "examples" / "search.py"
    spec = importlib.util.spec_from_file_location("search_example", name)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    books = [
        {"id": f"book:{number}", "extra_attributes": {"title": "Sea", "year": f"195{number}"}} for number in (2, 1)
    ]
    groups = [{"extra_attributes": {"genre": "novel", "books": "2", "last": "1952"}}]
    first, second = [
        [found(3, {"extra_attributes": {"year": year}}), cursor] for year, cursor in (("1951", 7), ("1904", 0))
    ]
    script = [
        On("FT.CREATE BOOKS PREFIX 1 BOOK: SCHEMA TITLE TEXT WEIGHT 2 GENRE TAG YEAR NUMERIC SORTABLE", resp(OK, 3)),
        *[On(f"HSET BOOK:{number} TITLE", resp(3, 3)) for number in (1, 2, 3)],
        On("FT.SEARCH BOOKS @TITLE:(SEA) RETURN 2 TITLE YEAR SORTBY YEAR DESC LIMIT 0 5", resp(found(2, *books), 3)),
        On("FT.AGGREGATE BOOKS * GROUPBY 1 @GENRE REDUCE COUNT 0 AS BOOKS", resp(found(1, *groups), 3)),
        On("FT.AGGREGATE BOOKS * GROUPBY 1 @YEAR WITHCURSOR COUNT 2", resp(first, 3)),
        On("FT.CURSOR READ BOOKS 7", resp(second, 3)),
        On("FT.DROPINDEX BOOKS DD", resp(OK, 3)),
    ]
    with FakeServer([script]) as server:
        await program.main(f"redis://{server.host}:{server.port}")
        assert len(server.commands()) == len(script)
    assert capsys.readouterr().out.splitlines() == [
        "2 with sea:", "  1952 Sea", "  1951 Sea", "novel: 2, the last in 1952", "years: 1904, 1951",
    ]  # fmt: skip
