"""A hybrid query: matches of text and near vectors, fused into one list (Redis 8.4)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal

from redpoll.arguments import milliseconds, no_token, not_one_of, refused, requires
from redpoll.types import Arg, Many, Milliseconds, Pairs, Value

from .common import counted, flags, no_number, only, options, parameters, whole
from .pipeline import Step, pipeline

_VECTOR: Final = "redpoll_vector"
"""The query's parameter that a vector given as bytes is sent in."""

_CONSTANT: Final = 60
"""The server's default of RRF, which is sent where nothing else is said of it."""


@dataclass(frozen=True, slots=True)
class HybridSearchQuery:
    """The part that matches text.

    Attributes:
        query: in the language of queries.
        scorer: of the matches; ``"BM25STD"`` by default.
        yield_score_as: what rows call the score of this part.
    """

    query: Value
    _: KW_ONLY
    scorer: Value | None = None
    yield_score_as: Value | None = None

    def words(self) -> list[Arg]:
        """Return the part's words."""
        more = options(("SCORER", self.scorer), ("YIELD_SCORE_AS", self.yield_score_as))
        return ["SEARCH", self.query, *more]


@dataclass(frozen=True, slots=True)
class Knn:
    """The nearest vectors.

    Attributes:
        k: how many.
        ef_runtime: candidates of the search; of HNSW indexes.
        shard_k_ratio: the share of ``k`` that each shard looks for, above 0 and up to 1 (Redis 8.6).
    """

    k: int
    _: KW_ONLY
    ef_runtime: int | None = None
    shard_k_ratio: float | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the method's words.

        Raises:
            UsageError: a number that is not above 0, or a share above 1.
        """
        whole(command, "knn: k", self.k, 1)
        if self.ef_runtime is not None:
            whole(command, "knn: ef_runtime", self.ef_runtime, 1)
        ratio = self.shard_k_ratio
        if ratio is not None and (no_number(ratio) or not 0 < ratio <= 1):
            raise refused(command, "knn: shard_k_ratio must be above 0 and up to 1")
        pairs = (("K", self.k), ("EF_RUNTIME", self.ef_runtime), ("SHARD_K_RATIO", ratio))
        return counted("KNN", options(*pairs))


@dataclass(frozen=True, slots=True)
class Range:
    """The vectors up to a distance.

    Attributes:
        radius: the distance.
        epsilon: how much farther the search looks, as a share; 0.01 by default.
    """

    radius: float
    _: KW_ONLY
    epsilon: float | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the method's words.

        Raises:
            UsageError: a radius below 0, or an epsilon that is not above 0.
        """
        if no_number(self.radius) or not self.radius >= 0:
            raise refused(command, "range: radius must be a number from 0")
        if self.epsilon is not None and (no_number(self.epsilon) or not self.epsilon > 0):
            raise refused(command, "range: epsilon must be a number above 0")
        return counted("RANGE", options(("RADIUS", self.radius), ("EPSILON", self.epsilon)))


@dataclass(frozen=True, slots=True)
class HybridVsimQuery:
    """The part that matches vectors.

    Attributes:
        field: the vector field, with its ``@``.
        vector: the components' bytes, or ``"$name"`` of a parameter that holds them.
        method: ``Knn`` or ``Range``; the 10 nearest, where it is not given.
        filter: a query that the documents must match.
        policy: how the filter is applied: to each candidate, or in batches.
        batch_size: vectors a batch; needs the policy ``"BATCHES"``.
        yield_score_as: what rows call the score of this part.
    """

    field: str
    vector: str | bytes | bytearray | memoryview
    method: Knn | Range | None = None
    _: KW_ONLY
    filter: Value | None = None
    policy: Literal["ADHOC", "BATCHES"] | None = None
    batch_size: int | None = None
    yield_score_as: Value | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the part's words; a vector given as bytes is named here, and sent with the parameters.

        Raises:
            UsageError: a field without ``@``, a vector that is neither bytes nor a ``$name``, another method, or
                options of a filter that is not there.
        """
        only(command, "vsim: field", self.field, str)
        only(command, "vsim: vector", self.vector, str, bytes, bytearray, memoryview)
        if not self.field.startswith("@"):
            raise refused(command, "vsim: field must begin with '@'")
        name = self.vector if isinstance(self.vector, str) else f"${_VECTOR}"
        if not name.startswith("$"):
            raise refused(command, "vsim: vector must be bytes, or begin with '$', as the name of a parameter")
        words: list[Arg] = ["VSIM", self.field, name]
        if self.method is not None:
            only(command, "vsim: method", self.method, Knn, Range)
            words += self.method.words(command)
        words += self._filtered(command)
        return [*words, *options(("YIELD_SCORE_AS", self.yield_score_as))]

    def _filtered(self, command: str) -> list[Arg]:
        if self.filter is None:
            if self.policy is not None or self.batch_size is not None:
                raise requires(command, "vsim: policy or batch_size", "filter")
            return []
        if self.policy is not None and no_token(self.policy, ("ADHOC", "BATCHES")):
            raise not_one_of(command, "vsim: policy", ("ADHOC", "BATCHES"))
        if self.batch_size is not None and (self.policy is None or self.policy.upper() != "BATCHES"):
            raise requires(command, "vsim: batch_size", "policy='BATCHES'")
        more = options(("POLICY", self.policy), ("BATCH_SIZE", self.batch_size))
        # Older servers know no count; with one, a filter that reads as a number is not taken for it.
        if more or _number(self.filter):
            return counted("FILTER", [self.filter, *more])
        return ["FILTER", self.filter]


def _number(value: Value) -> bool:
    try:
        float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Rrf:
    """Fusion by rank: a document counts the more, the nearer to the top it is in either list.

    Attributes:
        constant: how slowly that falls off; 60 by default.
        window: how many of each list count; 20 by default.
        yield_score_as: what rows call the fused score.
    """

    constant: float | None = None
    window: int | None = None
    yield_score_as: Value | None = None

    def words(self) -> list[Arg]:
        """Return the method's words."""
        pairs = (("CONSTANT", self.constant), ("WINDOW", self.window), ("YIELD_SCORE_AS", self.yield_score_as))
        return ["COMBINE", *counted("RRF", options(*pairs) or ["CONSTANT", _CONSTANT])]


@dataclass(frozen=True, slots=True)
class Linear:
    """Fusion by score: the weighted sum of both.

    Attributes:
        alpha: the weight of the text's score.
        beta: the weight of the vector's score.
        window: how many of each list count; 20 by default.
        yield_score_as: what rows call the fused score.
    """

    alpha: float
    beta: float
    window: int | None = None
    yield_score_as: Value | None = None

    def words(self) -> list[Arg]:
        """Return the method's words."""
        pairs = (("ALPHA", self.alpha), ("BETA", self.beta), ("WINDOW", self.window))
        return ["COMBINE", *counted("LINEAR", options(*pairs, ("YIELD_SCORE_AS", self.yield_score_as)))]


@dataclass(frozen=True, slots=True)
class HybridQuery:
    """Both parts and what is made of them, for ``ft_hybrid`` and ``ft_profile``.

    Attributes:
        search: the part that matches text, or only its query.
        vsim: the part that matches vectors.
        steps: what the fused rows go through: ``Load``, ``GroupBy``, ``Apply``, ``SortBy``, ``Filter``, ``Limit``. Without
            a ``Load`` a row is the document's key and score; without a ``Limit`` there are at most 10.
        combine: how the lists are fused: ``Rrf`` (the default) or ``Linear``.
        nosort: rows in any order, not by their score.
        params: values of the queries' ``$names``.
        timeout: how long the server may work on it, in milliseconds.
    """

    search: HybridSearchQuery | Value
    vsim: HybridVsimQuery
    steps: Many[Step] = ()
    _: KW_ONLY
    combine: Rrf | Linear | None = None
    nosort: bool = False
    params: Pairs[str, Value] | None = None
    timeout: Milliseconds | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the query's words.

        Raises:
            UsageError: a part, step or option that cannot be right.
        """
        search = self.search if isinstance(self.search, HybridSearchQuery) else HybridSearchQuery(self.search)
        only(command, "vsim", self.vsim, HybridVsimQuery)
        if self.combine is not None:
            only(command, "combine", self.combine, Rrf, Linear)
        steps, combine = pipeline(command, self.steps), self.combine
        if combine is None and "FILTER" in steps:
            combine = Rrf()  # without it, a filter of the fused rows would be taken for that of VSIM
        return [
            *search.words(),
            *self.vsim.words(command),
            *(combine.words() if combine is not None else ()),
            *steps,
            *flags(("NOSORT", self.nosort)),
            *self._parameters(command),
            *options(("TIMEOUT", None if self.timeout is None else milliseconds(command, "timeout", self.timeout))),
        ]

    def _parameters(self, command: str) -> list[Arg]:
        words = parameters(command, self.params)
        if isinstance(self.vsim.vector, str):
            return words
        return counted("PARAMS", [*words[2:], _VECTOR, self.vsim.vector])
