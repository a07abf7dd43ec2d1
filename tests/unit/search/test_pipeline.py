"""Aggregations as words: exactly, and read back by a grammar of their own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.commands.search import reducers as theirs
from redis.commands.search.aggregation import AggregateRequest as TheirRequest
from redis.commands.search.aggregation import Desc as TheirDesc

from redpoll import UsageError
from redpoll.search import (
    AggregateRequest,
    Apply,
    Asc,
    Cursor,
    Desc,
    Filter,
    GroupBy,
    Limit,
    Load,
    Reducer,
    SortBy,
    reducers,
)
from tests.unit.search.grammar import Reader, aggregate, reducer


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AggregateRequest(), "*"),
        (AggregateRequest("q", [Load(), Load(["@a", ("$.b", "b")])]), "q LOAD * LOAD 4 @a $.b AS b"),
        (AggregateRequest("@url:about", [
            Apply("day(@timestamp)", "day"), GroupBy(["@day", "@country"], reducers.count(as_="visits")), SortBy("@day"),
         ]),
         "@url:about APPLY day(@timestamp) AS day GROUPBY 2 @day @country REDUCE COUNT 0 AS visits SORTBY 1 @day"),
        (AggregateRequest("*", [
            GroupBy("@year", reducers.count(as_="n")), GroupBy((), reducers.max("@n", as_="most")),
         ]),
         "* GROUPBY 1 @year REDUCE COUNT 0 AS n GROUPBY 0 REDUCE MAX 1 @n AS most"),
        (AggregateRequest("*", [SortBy([Desc("@n"), Asc("@x"), "@y"], max=10), Limit(0, 5), Filter("@n>2")]),
         "* SORTBY 5 @n DESC @x ASC @y MAX 10 LIMIT 0 5 FILTER @n>2"),
        (AggregateRequest("*", [SortBy("@n", withcount=True), SortBy("@n", withcount=False)]),
         "* SORTBY 1 @n WITHCOUNT SORTBY 1 @n WITHOUTCOUNT"),
        (AggregateRequest("q", verbatim=True, scorer="BM25", addscores=True, timeout=dt.timedelta(seconds=2), dialect=3),
         "q VERBATIM SCORER BM25 ADDSCORES TIMEOUT 2000 DIALECT 3"),
        (AggregateRequest("q", cursor=Cursor(), params={"a": 1}), "q WITHCURSOR PARAMS 2 a 1"),
        (AggregateRequest("q", [Limit(0, 1)], cursor=Cursor(500, dt.timedelta(minutes=1))),
         "q LIMIT 0 1 WITHCURSOR COUNT 500 MAXIDLE 60000"),
    ],
)  # fmt: skip
def test_a_request(request_: AggregateRequest, words: str) -> None:
    given = request_.words("FT.AGGREGATE")
    assert [str(word) for word in given] == words.split()
    aggregate(given)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (reducers.count(), "COUNT 0"),
        (reducers.count_distinct("@a"), "COUNT_DISTINCT 1 @a"),
        (reducers.count_distinctish("@a", as_="n"), "COUNT_DISTINCTISH 1 @a AS n"),
        (reducers.sum("@a"), "SUM 1 @a"),
        (reducers.min("@a"), "MIN 1 @a"),
        (reducers.max("@a"), "MAX 1 @a"),
        (reducers.avg("@a"), "AVG 1 @a"),
        (reducers.stddev("@a"), "STDDEV 1 @a"),
        (reducers.quantile("@a", 0.5), "QUANTILE 2 @a 0.5"),
        (reducers.tolist("@a"), "TOLIST 1 @a"),
        (reducers.first_value("@a"), "FIRST_VALUE 1 @a"),
        (reducers.first_value("@a", "@b"), "FIRST_VALUE 3 @a BY @b"),
        (reducers.first_value("@a", Desc("@b"), as_="x"), "FIRST_VALUE 4 @a BY @b DESC AS x"),
        (reducers.random_sample("@a", 10), "RANDOM_SAMPLE 2 @a 10"),
        (reducers.collect(), "COLLECT 2 FIELDS *"),
        (reducers.collect(["@a", "@b"], sortby=Desc("@a"), limit=(0, 5), distinct=True, as_="top"),
         "COLLECT 12 FIELDS 2 @a @b SORTBY 2 @a DESC LIMIT 0 5 DISTINCT AS top"),
        (Reducer("NEW", ("@a", 1), "x"), "NEW 2 @a 1 AS x"),
    ],
)  # fmt: skip
def test_a_reducer(made: Reducer, words: str) -> None:
    assert [str(word) for word in made.words("FT.AGGREGATE")] == ["REDUCE", *words.split()]


def test_redis_py_says_the_same() -> None:
    ours = AggregateRequest("*", [
        Load(["@a"]), GroupBy(["@b"], [reducers.count(as_="n"), reducers.quantile("@a", 0.5), reducers.tolist("@a")]),
        Apply("@n*2", "m"), SortBy([Desc("@m")], max=3), Filter("@m>1"), Limit(1, 2),
    ])  # fmt: skip
    other = TheirRequest("*").load("@a").group_by(
        "@b", theirs.count().alias("n"), theirs.quantile("@a", 0.5), theirs.tolist("@a")
    )  # fmt: skip
    other = other.apply(m="@n*2").sort_by(TheirDesc("@m"), max=3).filter("@m>1").limit(1, 2).scorer("").dialect(0)
    assert [str(word) for word in ours.words("FT.AGGREGATE")] == [str(word) for word in other.build_args()]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: AggregateRequest("q", Limit(0, 1)), "steps must be a collection"),
        (lambda: AggregateRequest("q", "LIMIT"), "steps must be a collection"),
        (lambda: AggregateRequest("q", [Limit(0, 1), "LIMIT"]), "steps: number 2 must be a Step, not str"),
        (lambda: AggregateRequest("q", [Load([])]), "load: fields needs at least one element"),
        (lambda: AggregateRequest("q", [Load("@a")]), "load: fields must be a collection"),
        (lambda: AggregateRequest("q", [GroupBy("@a", "COUNT")]), "groupby: reducer number 1 must be a Reducer"),
        (lambda: AggregateRequest("q", [GroupBy("@a", reducers.collect([]))]), "collect: fields needs at least one"),
        (lambda: AggregateRequest("q", [GroupBy("@a", reducers.collect(sortby=[]))]), "collect: sortby needs"),
        (lambda: AggregateRequest("q", [GroupBy("@a", reducers.collect(limit=(1,)))]), "limit must be a tuple"),
        (lambda: AggregateRequest("q", [SortBy([])]), "sortby: keys needs at least one element"),
        (lambda: AggregateRequest("q", [SortBy("@a", max=0)]), "sortby: max must be a whole number from 1"),
        (lambda: AggregateRequest("q", [Limit(-1, 1)]), "limit: offset must be a whole number from 0"),
        (lambda: AggregateRequest("q", cursor=True), "cursor must be a Cursor, not bool"),
        (lambda: AggregateRequest("q", cursor=Cursor(0)), "cursor: count must be a whole number from 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(made: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        made().words("FT.AGGREGATE")
    assert caught.value.command == "FT.AGGREGATE"


def test_a_quantile_out_of_range() -> None:
    with pytest.raises(UsageError, match="quantile must be from 0 to 1"):
        reducers.quantile("@a", 50)


# Any pipeline, read back.

NAMES = st.sampled_from(["@a", "@b", "@limit"])
NUMBERS = st.integers(0, 99)
AS = st.none() | st.sampled_from(["x", "y"])


def directed(key: Any) -> tuple[Any, Any]:
    return (key.field, "ASC" if isinstance(key, Asc) else "DESC") if isinstance(key, Asc | Desc) else (key, None)


KEYS = st.lists(NAMES | NAMES.map(Asc) | NAMES.map(Desc), min_size=1, max_size=3)
PLAIN = st.sampled_from([reducers.sum, reducers.min, reducers.max, reducers.avg, reducers.stddev, reducers.tolist])
REDUCERS = (
    st.builds(lambda make, field, as_: make(field, as_=as_), PLAIN, NAMES, AS)
    | st.builds(lambda as_: reducers.count(as_=as_), AS)
    | st.builds(lambda field, key, as_: reducers.first_value(field, key, as_=as_), NAMES, NAMES.map(Desc), AS)
    | st.builds(
        lambda fields, order, distinct, as_: reducers.collect(fields, sortby=order, distinct=distinct, as_=as_),
        st.none() | st.lists(NAMES, min_size=1, max_size=2), st.none() | KEYS, st.booleans(), AS,
    )
)  # fmt: skip
STEPS = (
    st.builds(Load, st.none() | st.lists(NAMES | st.tuples(NAMES, st.just("n")), min_size=1, max_size=3))
    | st.builds(GroupBy, st.lists(NAMES, max_size=2), st.lists(REDUCERS, max_size=3))
    | st.builds(SortBy, KEYS, max=st.none() | st.integers(1, 9), withcount=st.none() | st.booleans())
    | st.builds(Apply, NAMES, st.just("z"))
    | st.builds(Filter, NAMES)
    | st.builds(Limit, NUMBERS, NUMBERS)
)


def meant(step: Any) -> tuple[Any, ...]:
    """Return what the grammar should read of a step."""
    match step:
        case Load(fields):
            return "LOAD", "*" if fields is None else fields
        case GroupBy(fields, reduce):
            return "GROUPBY", fields, [reduced(each) for each in reduce]
        case SortBy(keys):
            counts = step.withcount is True, step.withcount is False
            return "SORTBY", [directed(key) for key in keys], step.max, *counts
        case Apply(expression, as_):
            return "APPLY", expression, as_
        case Filter(expression):
            return "FILTER", expression
        case _:
            return "LIMIT", step.offset, step.num


def reduced(each: Reducer) -> tuple[Any, ...]:
    if each.function != "COLLECT":
        return each.function, each.args, each.as_
    return reducer(Reader(each.words("FT.AGGREGATE")[1:]))


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=6), st.booleans(), st.none() | st.builds(Cursor, st.none() | st.integers(1, 9)))
def test_any_pipeline_reads_back(steps: list[Any], verbatim: bool, cursor: Cursor | None) -> None:
    made = AggregateRequest("q", steps, verbatim=verbatim, cursor=cursor, params={"p": "v"}, dialect=2)
    read = aggregate(made.words("FT.AGGREGATE"))
    assert read["steps"] == [meant(step) for step in steps]
    assert read["verbatim"] is verbatim
    assert read["cursor"] == (None if cursor is None else (cursor.count, cursor.maxidle))
    assert (read["params"], read["dialect"]) == ({"p": "v"}, 2)
