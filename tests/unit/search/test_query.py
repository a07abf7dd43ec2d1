"""Searches as words: each option in its place, and what cannot be right is refused."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import Any

import pytest

from codegen.grammar import accepts
from codegen.verify import lowered
from redpoll import UsageError
from redpoll.commands import Commands
from redpoll.search import (
    AggregateRequest,
    Asc,
    Cursor,
    Desc,
    GeoFilter,
    Highlight,
    HybridQuery,
    HybridVsimQuery,
    NumericFilter,
    Query,
    Summarize,
)
from redpoll.search.encode import aggregate, hybrid, profile, search

CASES = [
    (Query("hello"), "hello"),
    (Query("q", nocontent=True, verbatim=True, nostopwords=True), "q NOCONTENT VERBATIM NOSTOPWORDS"),
    (Query("q", withscores=True, withpayloads=True, withsortkeys=True), "q WITHSCORES WITHPAYLOADS WITHSORTKEYS"),
    (Query("q", filter=NumericFilter("year", 1990, 2000)), "q FILTER year 1990 2000"),
    (Query("q", filter=[NumericFilter("a", float("-inf"), 5.5), NumericFilter("b", 0, float("inf"))]),
     "q FILTER a -inf 5.5 FILTER b 0 inf"),
    (Query("q", geofilter=GeoFilter("at", 2.5, 48.5, 10)), "q GEOFILTER at 2.5 48.5 10 km"),
    (Query("q", geofilter=[GeoFilter("at", 1, 2, 3, "M"), GeoFilter("to", 4, 5, 6, "ft")]),
     "q GEOFILTER at 1 2 3 m GEOFILTER to 4 5 6 ft"),
    (Query("q", inkeys=["k1", "k2"], infields=["t"]), "q INKEYS 2 k1 k2 INFIELDS 1 t"),
    (Query("q", return_=["title", ("$.price", "price")]), "q RETURN 4 title $.price AS price"),
    (Query("q", summarize=True, highlight=True), "q SUMMARIZE HIGHLIGHT"),
    (Query("q", summarize=Summarize(["a", "b"], frags=2, len=5, separator="|")),
     "q SUMMARIZE FIELDS 2 a b FRAGS 2 LEN 5 SEPARATOR |"),
    (Query("q", highlight=Highlight(["a"], tags=("<", ">"))), "q HIGHLIGHT FIELDS 1 a TAGS < >"),
    (Query("q", slop=0, timeout=250, inorder=True), "q SLOP 0 TIMEOUT 250 INORDER"),
    (Query("q", timeout=dt.timedelta(seconds=1.5)), "q TIMEOUT 1500"),
    (Query("q", language="german", expander="e", scorer="TFIDF"), "q LANGUAGE german EXPANDER e SCORER TFIDF"),
    (Query("q", withscores=True, explainscore=True, payload="p"), "q WITHSCORES EXPLAINSCORE PAYLOAD p"),
    (Query("q", sortby="year", limit=(10, 5)), "q SORTBY year LIMIT 10 5"),
    (Query("q", sortby=Desc("year")), "q SORTBY year DESC"),
    (Query("q", sortby=Asc("year"), limit=(0, 0)), "q SORTBY year ASC LIMIT 0 0"),
    (Query("q", params={"vec": "blob", "n": "3"}, dialect=2), "q PARAMS 4 vec blob n 3 DIALECT 2"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "words"), CASES)
def test_a_query(query: Query, words: str) -> None:
    assert [str(word) for word in query.words("FT.SEARCH")] == words.split()


def test_the_spec_accepts_them() -> None:
    """All but those with parameters, which the spec's tree counts by pairs, and the server by words."""
    command = lowered()[0]["FT.SEARCH"]
    for query in (query for query, _ in CASES if query.params is None):
        assert accepts(command, ("FT.SEARCH", "idx", *query.words("FT.SEARCH"))), query


def test_beside_the_spec() -> None:
    """What the documented syntax has, and its tree has not."""
    assert Query("q", sortby=Desc("n"), withcount=True).words("FT.SEARCH")[1:] == ["SORTBY", "n", "DESC", "WITHCOUNT"]
    assert Query("q", filter=NumericFilter("n", "(1", "+inf")).words("FT.SEARCH")[1:] == ["FILTER", "n", "(1", "+inf"]


def test_bytes_stay_bytes() -> None:
    words = Query(b"q", params={"v": b"\x00\xff"}, inkeys=[b"\xff"]).words("FT.SEARCH")
    assert words == [b"q", "INKEYS", 1, b"\xff", "PARAMS", 2, "v", b"\x00\xff"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"explainscore": True}, "explainscore needs withscores"),
        ({"withcount": True}, "withcount needs sortby"),
        ({"filter": ("year", 1, 2)}, "filter must be a NumericFilter, not str"),
        ({"geofilter": [NumericFilter("a", 1, 2)]}, "geofilter must be a GeoFilter, not NumericFilter"),
        ({"geofilter": GeoFilter("a", 1, 2, 3, "yd")}, "unit must be one of 'm', 'km', 'mi', 'ft'"),  # type: ignore[arg-type]
        ({"inkeys": "k"}, "inkeys must be a collection"),
        ({"inkeys": []}, "inkeys needs at least one element"),
        ({"infields": "t"}, "infields must be a collection"),
        ({"return_": "title"}, "return_ must be a collection"),
        ({"return_": []}, "return_ needs at least one element"),
        ({"return_": [("a", "b", "c")]}, "return_: a field with another name is a tuple of both"),
        ({"return_": ["a"], "nocontent": True}, "return_ says which fields come back, and nocontent that none do"),
        ({"summarize": "title"}, "summarize must be a Summarize, not str"),
        ({"summarize": Summarize("title")}, "summarize: fields must be a collection"),
        ({"highlight": Summarize()}, "highlight must be a Highlight, not Summarize"),
        ({"highlight": Highlight(tags=("<b>",))}, "highlight: tags must be a tuple of 2"),  # type: ignore[arg-type]
        ({"limit": 10}, "limit must be a tuple of an offset and a number"),
        ({"limit": (0, -1)}, "limit: num must be a whole number from 0"),
        ({"limit": (0.5, 1)}, "limit: offset must be a whole number from 0"),
        ({"limit": (0, True)}, "limit: num must be a whole number from 0"),
        ({"params": ["a", 1]}, "params must be a mapping"),
        ({"params": {}}, "params needs at least one element"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Query("q", **options).words("FT.SEARCH")
    assert caught.value.command == "FT.SEARCH"


def test_a_query_takes_no_options_beside_it() -> None:
    ready = Query("q", limit=(0, 1))
    assert search("FT.SEARCH", ready, limit=None, verbatim=False) == search("FT.SEARCH", "q", limit=(0, 1))
    with pytest.raises(UsageError, match="limit, verbatim: the Query holds its own options"):
        search("FT.SEARCH", ready, limit=(0, 2), verbatim=True)
    assert aggregate("FT.AGGREGATE", AggregateRequest("q"), steps=(), cursor=None) == ["q"]
    with pytest.raises(UsageError, match="steps: the AggregateRequest holds its own options"):
        aggregate("FT.AGGREGATE", AggregateRequest("q"), steps=(1,))
    with pytest.raises(UsageError, match="query must be a HybridQuery, not str"):
        hybrid("FT.HYBRID", "q")  # type: ignore[arg-type]


def test_a_profile() -> None:
    assert profile("FT.PROFILE", Query("q", nocontent=True), True) == ["SEARCH", "LIMITED", "QUERY", "q", "NOCONTENT"]
    assert profile("FT.PROFILE", AggregateRequest(), False) == ["AGGREGATE", "QUERY", "*"]
    hybrid = HybridQuery("q", HybridVsimQuery("@v", "$v"))
    assert profile("FT.PROFILE", hybrid, False) == ["HYBRID", "QUERY", "SEARCH", "q", "VSIM", "@v", "$v"]
    with pytest.raises(UsageError, match="query must be a Query or AggregateRequest or HybridQuery, not str"):
        profile("FT.PROFILE", "q", False)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cursor: what is profiled cannot have one"):
        profile("FT.PROFILE", AggregateRequest(cursor=Cursor()), False)


@pytest.mark.parametrize(("method", "builder"), [("ft_search", Query), ("ft_aggregate", AggregateRequest)])
def test_a_method_takes_what_its_builder_takes(method: str, builder: type) -> None:
    own = inspect.signature(getattr(Commands, method)).parameters
    theirs = inspect.signature(builder).parameters
    assert list(own) == ["self", "index", *theirs]
    for name in [*theirs][1:]:
        assert own[name].default == theirs[name].default or name == "steps", name
        assert own[name].annotation == theirs[name].annotation or name == "steps", name
