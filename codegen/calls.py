"""Calls of a generated method: every parameter alone, all pairs, and as many as fit together.

Each parameter has a few sample values of its type. What contradicts itself raises ``UsageError`` and is only counted;
parameters that need another one, or of which one must be given, are found by trying.
"""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, TypeAlias, get_args

from redpoll import search as s
from redpoll.errors import UsageError
from redpoll.types import Aggregator
from redpoll.values import BitGet, BitIncrBy, BitSet, GrepExact, GrepGlob, GrepMatch, GrepRe, JSONPath, RawJSON

from .grammar import Sample
from .ir import Method, Param

Given: TypeAlias = dict[str, Any]
"""Arguments by parameter; one that is absent is not passed. Of a ``*args`` parameter: a tuple."""

BASES: Final = 12
"""How many of the smallest legal calls are extended, where none without options is legal."""


class KeySample(Sample):
    """A text that was passed as a key."""

    __slots__ = ()


@dataclass(slots=True)
class Calls:
    """What came of a method's calls.

    Attributes:
        method: the method.
        made: the arguments of each legal call and what it returned.
        refused: how many combinations raised ``UsageError``.
    """

    method: Method
    made: list[tuple[Given, Any]] = field(default_factory=list[tuple[Given, Any]])
    refused: int = 0


class _Samples:
    """Sample values by annotation, each text another one."""

    def __init__(self) -> None:
        self.number = 0

    def of(self, param: Param) -> list[object]:
        """Return the values to try, without what the parameter's absence says already."""
        tree = ast.parse(param.type, mode="eval").body
        values = list(self._values(tree))
        if param.kind == "var":
            return [*((value,) for value in values), (*values, *self._values(tree))]
        if param.default is not None:
            values = [value for value in values if repr(value) != param.default]
        return values

    def _values(self, node: ast.expr, top: bool = True) -> Iterator[object]:
        match node:
            case ast.BinOp(left=left, right=right):
                yield from self._values(left, top)
                yield from self._values(right, top)
            case ast.Constant(value=value):
                yield value
            case ast.Name(id=name):
                yield from self._atom(name)
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                yield from self._generic(name, _elements(inner), top)
            case _:
                raise TypeError(f"no sample values for {ast.unparse(node)}")

    def _generic(self, name: str, parts: Sequence[ast.expr], top: bool) -> Iterator[object]:
        if name == "Literal":
            yield from map(ast.literal_eval, parts)
        elif name == "Many":
            yield [self._first(parts[0])]
            yield [self._first(parts[0]), self._first(parts[0])]
            yield from ([[]] if top else [])
        elif name == "Pairs":
            yield dict([self._pair(parts)])
            yield dict([self._pair(parts), self._pair(parts)])
            yield from ([{}] if top else [])
        elif name == "tuple":
            columns = [list(self._values(part, top=False)) for part in parts if not isinstance(part, ast.Constant)]
            for index in range(max(map(len, columns))):
                yield tuple(column[index % len(column)] for column in columns)
        else:
            raise TypeError(f"no sample values for {name}")

    def _pair(self, parts: Sequence[ast.expr]) -> tuple[Any, Any]:
        return self._first(parts[0]), self._first(parts[1])

    def _first(self, node: ast.expr) -> Any:
        return next(self._values(node, top=False))

    def _atom(self, name: str) -> list[object]:
        self.number += 1
        number, text = self.number, f"sample-{self.number}"
        blob = text.encode().ljust(16)  # a multiple of 4 bytes, as vectors are
        moment = dt.datetime(2040, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number)
        atoms: dict[str, list[object]] = {
            "Key": [KeySample(text)],
            "Value": [Sample(text)],
            "Pattern": [Sample(text)],
            "int": [number + 1],
            "float": [number + 0.5],
            "bool": [True, False],
            "bytes": [blob],
            "bytearray": [bytearray(blob)],
            "memoryview": [memoryview(blob)],
            "Unit": ["M", "KM", "FT", "MI"],
            "Seconds": [number, dt.timedelta(seconds=number)],
            "Milliseconds": [number, dt.timedelta(milliseconds=number)],
            "UnixSeconds": [number, moment],
            "UnixMilliseconds": [number, moment],
            "Timestamp": [number, moment, Sample("*")],
            "Aggregator": list(get_args(Aggregator)),
            "object": [Sample(text), RawJSON(Sample(text)), [number, None]],
            "DocumentPath": [Sample(text), Sample(f"$.{text}"), JSONPath(f"$..{text}"), text.encode()],
            "Dumps": [repr],
            "Loads": [str],
            "BitGet": [BitGet("u8", number), BitGet("i64", f"#{number}")],
            "BitSet": [BitSet("i5", number, 3), BitSet("u63", f"#{number}", 3, "SAT")],
            "BitIncrBy": [BitIncrBy("u2", number, 1, "FAIL"), BitIncrBy("u2", number, -1)],
            "GrepExact": [GrepExact(Sample(text))],
            "GrepMatch": [GrepMatch(Sample(text))],
            "GrepGlob": [GrepGlob(Sample(text))],
            "GrepRe": [GrepRe(Sample(text))],
            "str": [Sample(text)],
            "ScoreBound": [number + 0.5, Sample(f"({number}.5"), Sample("-inf"), Sample("+inf")],
        }
        return atoms[name] if name in atoms else _search(text)[name]


def _search(text: str) -> dict[str, list[object]]:
    """Return samples of what ``redpoll.search`` builds."""
    word, field = Sample(text), Sample(f"@{text}")
    near = s.HybridVsimQuery(field, text.encode(), s.Knn(3), filter=word)
    steps: list[object] = [
        s.Load(), s.Load([field]), s.GroupBy(field, s.reducers.count(as_=word)), s.SortBy(s.Desc(field), max=2),
        s.Apply(word, word), s.Filter(word), s.Limit(0, 5),
    ]  # fmt: skip
    return {
        "AggregateRequest": [s.AggregateRequest(word, [s.Limit(0, 5)], verbatim=True)],
        "Cursor": [s.Cursor(), s.Cursor(7, 8)],
        "Field": [
            s.TextField(word, sortable=True, unf=True, noindex=True, withsuffixtrie=True), s.TagField(word, as_=word, indexempty=True),
            s.NumericField(word, indexmissing=True), s.GeoField(word), s.GeoShapeField(word, coord_system="FLAT"),
            s.VectorField(word, "HNSW", type="FLOAT32", dim=2, distance_metric="L2", m=4),
        ],
        "GeoFilter": [s.GeoFilter(word, 1.5, 2.5, 3, unit) for unit in ("m", "km", "mi", "ft")],
        "Highlight": [s.Highlight([word], tags=(word, word))],
        "HybridQuery": [s.HybridQuery(word, near), s.HybridQuery(word, near, [s.Load()], combine=s.Linear(0.5, 0.5))],
        "IndexDefinition": [
            s.IndexDefinition(word, on="JSON", score=0.5, indexall=True, language_field=word, score_field=word),
            s.IndexDefinition(on="HASH", filter=word, language=word, payload_field=word, indexall=False),
        ],
        "Named": [(word, word), word],
        "NumericFilter": [s.NumericFilter(word, 1, "(2")],
        "Query": [s.Query(word, nocontent=True, withscores=True)],
        "SortKey": [word, s.Desc(word), s.Asc(word)],
        "Step": steps,
        "Summarize": [s.Summarize(), s.Summarize([word], frags=2, len=3, separator=word)],
    }  # fmt: skip


def _elements(node: ast.expr) -> Sequence[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def spread(params: Sequence[Param], given: Given) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments that pass ``given``."""
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    var = next((param.name for param in params if param.kind == "var"), None)
    named = var is None or not given.get(var)
    gap = False
    for param in params:
        if param.kind == "keyword" or (gap and param.kind == "plain"):
            if param.name in given:
                keywords[param.name] = given[param.name]
        elif param.kind == "var":
            args += given.get(param.name, ())
        elif param.name in given:
            args.append(given[param.name])
        elif named:
            gap = True
        else:  # what stands before *args can only be passed by position
            args.append(ast.literal_eval(param.default or "None"))
    return args, keywords


class _Enumeration:
    def __init__(self, method: Method, call: Callable[..., Any]) -> None:
        self.params = method.params
        self.call = call
        self.calls = Calls(method)
        self.seen: dict[str, bool] = {}
        samples = _Samples()
        self.choices = {param.name: samples.of(param) for param in method.params}
        self.required = [param.name for param in method.params if param.default is None and param.kind != "var"]

    def legal(self, given: Given) -> bool:
        """Make the call, once; tell whether it raised no ``UsageError``."""
        label = repr(sorted(given.items()))
        known = self.seen.get(label)
        if known is not None:
            return known
        args, keywords = spread(self.params, given)
        try:
            self.calls.made.append((given, self.call(*args, **keywords)))
        except UsageError:
            self.calls.refused += 1
            self.seen[label] = False
            return False
        self.seen[label] = True
        return True

    def run(self) -> Calls:
        for base in self._bases():
            parts = [part for name, value in self._alternatives(base) for part in self._legal_with(base, name, value)]
            for one, two in combinations(parts, 2):
                self.legal({**base, **one, **two})
            self.legal({**base, **{name: self.choices[name][0] for name in self.choices}})
            for order in (parts, parts[::-1]):
                self._as_many(base, order)
        return self.calls

    def _bases(self) -> list[Given]:
        """Return the smallest legal calls: with what is required only, or with up to three options."""
        bare = {name: self.choices[name][0] for name in self.required}
        if self.legal(bare):
            return [bare]
        options = [name for name in self.choices if name not in bare and self.choices[name]]
        found: list[Given] = []
        for size in (1, 2, 3):
            for names in combinations(options, size):
                more = {name: self.choices[name][0] for name in names}
                if not any(base.keys() <= {*bare, *more} for base in found) and self.legal({**bare, **more}):
                    found.append({**bare, **more})
        return found[:BASES]

    def _alternatives(self, base: Given) -> Iterator[tuple[str, object]]:
        for name, values in self.choices.items():
            yield from ((name, value) for value in values if base.get(name) is not value)

    def _legal_with(self, base: Given, name: str, value: object) -> list[Given]:
        """Return the value, or where it needs other options, the value with each of the least sets of these."""
        if self.legal({**base, name: value}):
            return [{name: value}]
        others = [other for other in self.choices if other not in base and other != name and self.choices[other]]
        for size in (1, 2):
            more = [{other: self.choices[other][0] for other in names} for names in combinations(others, size)]
            found = [{name: value, **part} for part in more if self.legal({**base, name: value, **part})]
            if found:
                return found[:4]
        swapped = ({other: each} for other in base if other != name for each in self.choices[other])
        return [{name: value, **part} for part in swapped if self.legal({**base, name: value, **part})][:4]

    def _as_many(self, base: Given, parts: Sequence[Given]) -> None:
        given = base
        for part in parts:
            if not part.keys() & (given.keys() - base.keys()) and self.legal({**given, **part}):
                given = {**given, **part}


def enumerate_calls(method: Method, call: Callable[..., Any]) -> Calls:
    """Call a method in many ways.

    Args:
        method: what the generator knows of it.
        call: takes the method's arguments and returns what is to be recorded.
    """
    return _Enumeration(method, call).run()
