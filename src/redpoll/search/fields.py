"""The fields of an index's schema: one class a type. Each says itself in words; what cannot be right is refused there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal, TypeAlias

from typing_extensions import override

from redpoll.arguments import no_mapping, no_token, not_a_mapping, not_one_of, refused, requires
from redpoll.types import Arg, Pairs, Value

from .common import counted, flags, only, options, whole

Phonetic: TypeAlias = Literal["dm:en", "dm:fr", "dm:pt", "dm:es"]
"""Matching by sound: double metaphone, for English, French, Portuguese or Spanish."""

Algorithm: TypeAlias = Literal["FLAT", "HNSW", "SVS-VAMANA"]
"""How vectors are indexed: one by one (exact), by a layered graph, by a graph over compressed vectors."""

VectorType: TypeAlias = Literal["FLOAT32", "FLOAT64", "FLOAT16", "BFLOAT16", "INT8", "UINT8"]
"""What a vector's components are."""

Metric: TypeAlias = Literal["L2", "IP", "COSINE"]
"""What makes vectors near: Euclidean distance, inner product, angle."""

_PHONETIC: Final = ("DM:EN", "DM:FR", "DM:PT", "DM:ES")
_ALGORITHMS: Final = ("FLAT", "HNSW", "SVS-VAMANA")
_TYPES: Final = ("FLOAT32", "FLOAT64", "FLOAT16", "BFLOAT16", "INT8", "UINT8")
_METRICS: Final = ("L2", "IP", "COSINE")
_TUNING: Final = {
    "FLAT": ("INITIAL_CAP", "BLOCK_SIZE"),
    "HNSW": ("INITIAL_CAP", "M", "EF_CONSTRUCTION", "EF_RUNTIME", "EPSILON"),
    "SVS-VAMANA": (
        "COMPRESSION",
        "CONSTRUCTION_WINDOW_SIZE",
        "GRAPH_MAX_DEGREE",
        "SEARCH_WINDOW_SIZE",
        "EPSILON",
        "TRAINING_THRESHOLD",
        "REDUCE",
    ),
}


class Field(ABC):
    """A field of any type. That all have it as their base lets type checkers see a list of several types as what it is."""

    __slots__ = ()

    @abstractmethod
    def words(self, command: str) -> list[Arg]:
        """Return the field's words; ``command`` is for errors."""


def _head(name: Value, as_: Value | None, kind: str) -> list[Arg]:
    return [name, *options(("AS", as_)), kind]


def _tail(command: str, sortable: bool, unf: bool, noindex: bool) -> list[Arg]:
    """Return what stands last in a field of any type that can be sorted by."""
    if unf and not sortable:
        raise requires(command, "unf", "sortable")
    if noindex and not sortable:
        raise refused(command, "noindex needs sortable: a field without both is of no use")
    return flags(("SORTABLE", sortable), ("UNF", unf), ("NOINDEX", noindex))


@dataclass(frozen=True, slots=True)
class TextField(Field):
    """Text that is searched for words.

    Attributes:
        name: the field of the hash, or the JSONPath in the document.
        as_: what queries call it.
        weight: how much a match counts; 1.0 by default.
        nostem: words are indexed as they are, not by their stems.
        phonetic: match words that sound alike.
        withsuffixtrie: keep an index of word endings too, for ``*foo`` and ``*foo*``.
        indexempty: empty text can be searched for.
        indexmissing: documents without the field can be searched for.
        sortable: keep the value for sorting, which costs memory.
        unf: sort by the value as it is, not in lower case without accents; needs ``sortable``.
        noindex: only sort by it; needs ``sortable``.
    """

    name: Value
    _: KW_ONLY
    as_: Value | None = None
    weight: float | None = None
    nostem: bool = False
    phonetic: Phonetic | None = None
    withsuffixtrie: bool = False
    indexempty: bool = False
    indexmissing: bool = False
    sortable: bool = False
    unf: bool = False
    noindex: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: an unknown matcher, ``unf`` or ``noindex`` without ``sortable``.
        """
        if self.phonetic is not None and no_token(self.phonetic, _PHONETIC):
            raise not_one_of(command, "phonetic", tuple(map(str.lower, _PHONETIC)))
        return [
            *_head(self.name, self.as_, "TEXT"),
            *options(("WEIGHT", self.weight)),
            *flags(("NOSTEM", self.nostem)),
            *options(("PHONETIC", self.phonetic)),
            *flags(("WITHSUFFIXTRIE", self.withsuffixtrie), ("INDEXEMPTY", self.indexempty)),
            *flags(("INDEXMISSING", self.indexmissing)),
            *_tail(command, self.sortable, self.unf, self.noindex),
        ]


@dataclass(frozen=True, slots=True)
class TagField(Field):
    """Text that is matched whole: categories, keys, names.

    Attributes:
        name: the field of the hash, or the JSONPath in the document.
        as_: what queries call it.
        separator: the character between several tags in one field; a comma by default.
        casesensitive: keep upper and lower case apart.
        withsuffixtrie: keep an index of endings too, for ``*foo`` and ``*foo*``.
        indexempty: empty text can be searched for.
        indexmissing: documents without the field can be searched for.
        sortable: keep the value for sorting, which costs memory.
        unf: sort by the value as it is, not in lower case without accents; needs ``sortable``.
        noindex: only sort by it; needs ``sortable``.
    """

    name: Value
    _: KW_ONLY
    as_: Value | None = None
    separator: str | None = None
    casesensitive: bool = False
    withsuffixtrie: bool = False
    indexempty: bool = False
    indexmissing: bool = False
    sortable: bool = False
    unf: bool = False
    noindex: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: a separator that is no text of length 1, ``unf`` or ``noindex`` without ``sortable``.
        """
        if self.separator is not None:
            only(command, "separator", self.separator, str)
            if len(self.separator) != 1:
                raise refused(command, f"separator must be one character, not {len(self.separator)}")
        return [
            *_head(self.name, self.as_, "TAG"),
            *options(("SEPARATOR", self.separator)),
            *flags(("CASESENSITIVE", self.casesensitive), ("WITHSUFFIXTRIE", self.withsuffixtrie)),
            *flags(("INDEXEMPTY", self.indexempty), ("INDEXMISSING", self.indexmissing)),
            *_tail(command, self.sortable, self.unf, self.noindex),
        ]


@dataclass(frozen=True, slots=True)
class NumericField(Field):
    """Numbers, searched by ranges.

    Attributes:
        name: the field of the hash, or the JSONPath in the document.
        as_: what queries call it.
        indexmissing: documents without the field can be searched for.
        sortable: keep the value for sorting, which costs memory.
        noindex: only sort by it; needs ``sortable``.
    """

    name: Value
    _: KW_ONLY
    as_: Value | None = None
    indexmissing: bool = False
    sortable: bool = False
    noindex: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: ``noindex`` without ``sortable``.
        """
        head = [*_head(self.name, self.as_, "NUMERIC"), *flags(("INDEXMISSING", self.indexmissing))]
        return [*head, *_tail(command, self.sortable, False, self.noindex)]


@dataclass(frozen=True, slots=True)
class GeoField(Field):
    """Points, as text: longitude, comma, latitude.

    Attributes:
        name: the field of the hash, or the JSONPath in the document.
        as_: what queries call it.
        indexmissing: documents without the field can be searched for.
        sortable: keep the value for sorting, which costs memory.
        noindex: only sort by it; needs ``sortable``.
    """

    name: Value
    _: KW_ONLY
    as_: Value | None = None
    indexmissing: bool = False
    sortable: bool = False
    noindex: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: ``noindex`` without ``sortable``.
        """
        head = [*_head(self.name, self.as_, "GEO"), *flags(("INDEXMISSING", self.indexmissing))]
        return [*head, *_tail(command, self.sortable, False, self.noindex)]


@dataclass(frozen=True, slots=True)
class GeoShapeField(Field):
    """Points and polygons, as well-known text: ``POLYGON((1 1, 1 9, 9 9, 1 1))``.

    Attributes:
        name: the field of the hash, or the JSONPath in the document.
        as_: what queries call it.
        coord_system: ``"SPHERICAL"`` for longitude and latitude (the default), ``"FLAT"`` for x and y.
        indexmissing: documents without the field can be searched for.
    """

    name: Value
    _: KW_ONLY
    as_: Value | None = None
    coord_system: Literal["SPHERICAL", "FLAT"] | None = None
    indexmissing: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: an unknown coordinate system.
        """
        if self.coord_system is not None and no_token(self.coord_system, ("SPHERICAL", "FLAT")):
            raise not_one_of(command, "coord_system", ("SPHERICAL", "FLAT"))
        system = () if self.coord_system is None else (self.coord_system,)
        return [*_head(self.name, self.as_, "GEOSHAPE"), *system, *flags(("INDEXMISSING", self.indexmissing))]


@dataclass(frozen=True, slots=True)
class VectorField(Field):
    """Vectors, searched for the nearest ones.

    Attributes:
        name: the field of the hash (which holds the components' bytes), or the JSONPath of an array of numbers.
        algorithm: ``"FLAT"``, ``"HNSW"`` or ``"SVS-VAMANA"``.
        type: of the components.
        dim: how many components a vector has.
        distance_metric: ``"L2"``, ``"IP"`` or ``"COSINE"``.
        as_: what queries call it.
        initial_cap: vectors to make room for at first; FLAT and HNSW.
        block_size: vectors an allocation; FLAT.
        m: links of a node; HNSW, 16 by default.
        ef_construction: candidates when the graph is built; HNSW, 200 by default.
        ef_runtime: candidates when it is searched; HNSW, 10 by default.
        epsilon: how much farther range queries look; HNSW and SVS-VAMANA, 0.01 by default.
        compression: ``"LVQ8"``, ``"LeanVec4x8"`` …; SVS-VAMANA, none by default.
        construction_window_size: candidates when the graph is built; SVS-VAMANA, 200 by default.
        graph_max_degree: links of a node; SVS-VAMANA, 32 by default.
        search_window_size: candidates when it is searched; SVS-VAMANA, 10 by default.
        training_threshold: vectors to learn the compression from; SVS-VAMANA.
        reduce: components that LeanVec keeps; SVS-VAMANA.
        attributes: what a newer server takes beside these, by name.
        indexmissing: documents without the field can be searched for.
    """

    name: Value
    algorithm: Algorithm
    _: KW_ONLY
    type: VectorType
    dim: int
    distance_metric: Metric
    as_: Value | None = None
    initial_cap: int | None = None
    block_size: int | None = None
    m: int | None = None
    ef_construction: int | None = None
    ef_runtime: int | None = None
    epsilon: float | None = None
    compression: str | None = None
    construction_window_size: int | None = None
    graph_max_degree: int | None = None
    search_window_size: int | None = None
    training_threshold: int | None = None
    reduce: int | None = None
    attributes: Pairs[str, Value] | None = None
    indexmissing: bool = False

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the field's words.

        Raises:
            UsageError: an unknown algorithm, type or metric, no dimension, an attribute that the algorithm has not.
        """
        for name, value, known in (
            ("algorithm", self.algorithm, _ALGORITHMS),
            ("type", self.type, _TYPES),
            ("distance_metric", self.distance_metric, _METRICS),
        ):
            if no_token(value, known):
                raise not_one_of(command, name, known)
        whole(command, "dim", self.dim, 1)
        pairs: list[Arg] = ["TYPE", self.type, "DIM", self.dim, "DISTANCE_METRIC", self.distance_metric]
        pairs += self._tuning(command)
        head = [*_head(self.name, self.as_, "VECTOR"), *counted(self.algorithm, pairs)]
        return [*head, *flags(("INDEXMISSING", self.indexmissing))]

    def _tuning(self, command: str) -> list[Arg]:
        mine = _TUNING[self.algorithm.upper()]
        words: list[Arg] = []
        for token in dict.fromkeys(token for tokens in _TUNING.values() for token in tokens):
            value: Value | None = getattr(self, token.lower())
            if value is None:
                continue
            if token not in mine:
                raise refused(command, f"{token.lower()}: {self.algorithm} has no {token}")
            words += (token, value)
        if self.attributes is None:
            return words
        if no_mapping(self.attributes):
            raise not_a_mapping(command, "attributes")
        return [*words, *(word for pair in self.attributes.items() for word in pair)]
