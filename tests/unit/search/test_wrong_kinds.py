"""Whatever an attribute of a builder is given, its words are refused by ``UsageError`` or can be sent; nothing else is raised."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redpoll import UsageError, search
from redpoll.protocol.encode import encode
from redpoll.search import (
    AggregateRequest,
    Apply,
    Asc,
    Cursor,
    Desc,
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
    Summarize,
    TagField,
    TextField,
    VectorField,
    reducers,
)

VECTOR = VectorField("v", "HNSW", type="INT8", dim=2, distance_metric="L2", m=4, epsilon=0.5, attributes={"A": 1})
EXAMPLES: list[Any] = [
    TextField("t", as_="a", weight=2.5, phonetic="dm:en", sortable=True, unf=True),
    TagField("t", separator=";"),
    NumericField("n", sortable=True),
    GeoField("g"),
    GeoShapeField("g", coord_system="FLAT"),
    VECTOR,
    dataclasses.replace(VECTOR, algorithm="FLAT", m=None, epsilon=None, block_size=3),
    IndexDefinition(["a"], on="JSON", filter="f", language="en", score=0.5, indexall=True),
    Query(
        "q", filter=[NumericFilter("n", 1, "(2")], geofilter=[GeoFilter("g", 1.5, 2.5, 3)], inkeys=["k"], infields=["f"],
        return_=["f", ("g", "h")], summarize=Summarize(["f"], frags=2, len=3, separator="-"), slop=1, timeout=5,
        highlight=Highlight(["f"], tags=("<", ">")), sortby=Desc("f"), withcount=True, limit=(0, 5), params={"p": 1},
    ),
    AggregateRequest(
        "q",
        [
            Load(["@a", ("@b", "c")]), GroupBy(["@a"], [reducers.quantile("@b", 0.5, as_="m"), reducers.count()]),
            SortBy([Asc("@m"), "@n"], max=2), Apply("1", "x"), Filter("@x"), Limit(0, 5),
        ],
        scorer="s", timeout=5, cursor=Cursor(7, 8), params={"p": 1}, dialect=2,
    ),
    HybridQuery(
        HybridSearchQuery("q", scorer="s"),
        HybridVsimQuery("@v", b"12", Knn(3, ef_runtime=4, shard_k_ratio=0.5), filter="f", policy="BATCHES", batch_size=5),
        [Load()], combine=Rrf(60, 20), params={"p": 1}, timeout=5,
    ),
    HybridQuery("q", HybridVsimQuery("@v", "$v", Range(1.5, epsilon=0.5)), combine=Linear(0.5, 0.5, 20)),
]  # fmt: skip

WRONG: tuple[Any, ...] = (
    *("NO-SUCH", b"x", "", 5, -1, 0.5, float("nan"), None, True, iter(()), object()),
    *([], {}, (), [()], [None], [("a",)], ((),), [("a", "b")], {"a": ()}, {1: 2}, ("x", "y"), ([], "y")),
)


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a builder with each of its attributes, and those of what it holds, wrong in each way; and which one it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for attribute in dataclasses.fields(value):
            own = getattr(value, attribute.name)
            for where, other in [(attribute.name, wrong) for wrong in WRONG] + list(changed(own)):
                yield where, dataclasses.replace(value, **{attribute.name: other})
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from ((where, [*value[:index], other, *value[index + 1 :]]) for where, other in changed(each))


def kinds(value: Any) -> set[type[object]]:
    """Return the class of a builder and of those that it holds."""
    if isinstance(value, list):
        return {kind for each in value for kind in kinds(each)}
    if not dataclasses.is_dataclass(value):
        return set()
    return {type(value)} | {kind for field in dataclasses.fields(value) for kind in kinds(getattr(value, field.name))}


def test_every_class_has_an_example() -> None:
    named = {kind for name in search.__all__ if dataclasses.is_dataclass(kind := getattr(search, name))}
    assert named - kinds(EXAMPLES) == {search.Direction}, "the base of Asc and Desc"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_wrong_attributes(example: Any) -> None:
    encode("FT.X", ("FT.X", *example.words("FT.X")))
    errors: list[UsageError] = []
    vague: list[str] = []
    for where, wrong in changed(example):
        try:
            words = wrong.words("FT.X")
        except UsageError as error:
            errors.append(error)
            if where.removesuffix("_") not in str(error):
                vague.append(f"{where}: {error}")
            continue
        try:
            encode("FT.X", ("FT.X", *words))
        except UsageError as error:  # a word that is no value, of which only the number is known
            errors.append(error)
    assert {error.command for error in errors} == {"FT.X"}
    assert not vague, "\n".join(vague)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reducers.quantile("@a", "x"), "quantile must be from 0 to 1"),  # type: ignore[arg-type]  # what is tested
        (lambda: reducers.collect(5), "fields must be a collection"),  # type: ignore[arg-type]  # what is tested
        (lambda: reducers.collect(["@a"], sortby=[]), "sortby needs at least one"),
        (lambda: reducers.collect(["@a"], limit=5), "limit must be a tuple"),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_wrong_reducers(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
