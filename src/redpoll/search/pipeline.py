"""Aggregation: the steps that rows go through, in their order, and the request that holds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass

from typing_extensions import override

from redpoll.arguments import milliseconds, no_collection, not_a_collection
from redpoll.types import Arg, Many, Milliseconds, Pairs, Value

from .common import Named, SortKey, counted, flags, limiting, listed, naming, only, options, parameters, whole
from .reducers import Reducer, keys


class Step(ABC):
    """One step of an aggregation: ``Load``, ``GroupBy``, ``SortBy``, ``Apply``, ``Filter`` or ``Limit``."""

    __slots__ = ()

    @abstractmethod
    def words(self, command: str) -> list[Arg]:
        """Return the step's words; ``command`` is for errors."""


@dataclass(frozen=True, slots=True)
class Load(Step):
    """Take fields from the documents, which is slow beside those that are kept for sorting.

    Attributes:
        fields: which ones, each with another name where it is a tuple of both; all where it is left out.
    """

    fields: Many[Named] | None = None

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words.

        Raises:
            UsageError: no field, or a tuple that is not a field and a name.
        """
        return ["LOAD", "*"] if self.fields is None else counted("LOAD", naming(command, "load: fields", self.fields))


@dataclass(frozen=True, slots=True)
class GroupBy(Step):
    """Make one row of all that have the same values in some fields.

    Attributes:
        fields: ``"@country"``, or several; none for one group of everything.
        reduce: what each group becomes: one of ``reducers``, or several.
    """

    fields: Value | Many[Value] = ()
    reduce: Reducer | Many[Reducer] = ()

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words.

        Raises:
            UsageError: a reducer that is none, or that cannot be right.
        """
        words = counted("GROUPBY", listed(self.fields))
        for number, each in enumerate(listed(self.reduce), 1):
            only(command, f"groupby: reducer number {number}", each, Reducer)
            words += each.words(command)
        return words


@dataclass(frozen=True, slots=True)
class SortBy(Step):
    """Sort the rows.

    Attributes:
        keys: ``"@field"``, or ``Asc`` or ``Desc`` of it, or several.
        max: only the first ones are needed: how many.
        withcount: True to count all rows though not all are sorted, False for not; the server's default, if left out.
    """

    keys: SortKey | Many[SortKey]
    _: KW_ONLY
    max: int | None = None
    withcount: bool | None = None

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words.

        Raises:
            UsageError: no key, or a ``max`` that is no number of rows.
        """
        if self.max is not None:
            whole(command, "sortby: max", self.max, 1)
        words = counted("SORTBY", keys(command, "sortby: keys", self.keys))
        words += options(("MAX", self.max))
        return [*words, *flags(("WITHCOUNT", self.withcount is True), ("WITHOUTCOUNT", self.withcount is False))]


@dataclass(frozen=True, slots=True)
class Apply(Step):
    """Add a field that is computed of others.

    Attributes:
        expression: ``"sqrt(@area) / 2"``.
        as_: what the field is called.
    """

    expression: Value
    as_: Value

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words."""
        return ["APPLY", self.expression, "AS", self.as_]


@dataclass(frozen=True, slots=True)
class Filter(Step):
    """Keep the rows for which an expression is true.

    Attributes:
        expression: ``"@visits > 10"``.
    """

    expression: Value

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words."""
        return ["FILTER", self.expression]


@dataclass(frozen=True, slots=True)
class Limit(Step):
    """Keep a part of the rows.

    Attributes:
        offset: how many to leave out.
        num: how many to take.
    """

    offset: int
    num: int

    @override
    def words(self, command: str) -> list[Arg]:
        """Return the step's words.

        Raises:
            UsageError: anything but whole numbers from 0.
        """
        return list(limiting(command, (self.offset, self.num)))


def pipeline(command: str, given: Many[Step]) -> list[Arg]:
    """Return the words of all steps, in their order.

    Raises:
        UsageError: no collection, something else than a step, or a step that cannot be right.
    """
    if no_collection(given):
        raise not_a_collection(command, "steps")
    words: list[Arg] = []
    for number, step in enumerate(given, 1):
        only(command, f"steps: number {number}", step, Step)
        words += step.words(command)
    return words


@dataclass(frozen=True, slots=True)
class Cursor:
    """Rows come in parts: the reply holds the first ones and a cursor for ``ft_cursor_read``.

    Attributes:
        count: rows a part; 1000 by default.
        maxidle: how long the server keeps an unused cursor, in milliseconds; 5 minutes by default and at most.
    """

    count: int | None = None
    maxidle: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class AggregateRequest:
    """A query and what is made of its matches, for ``ft_aggregate`` and ``ft_profile``.

    Attributes:
        query: in the language of queries; ``"*"`` for all documents.
        steps: what the rows go through, in this order.
        verbatim: no stems and synonyms of the query's words.
        scorer: of the documents: ``"BM25STD"``, ``"TFIDF"`` …
        addscores: each row has its score, as ``@__score``.
        timeout: how long the server may work on it, in milliseconds.
        cursor: rows come in parts.
        params: values of the query's ``$names``; needs dialect 2.
        dialect: of the query; the server's default, where it is not given.
    """

    query: Value = "*"
    steps: Many[Step] = ()
    _: KW_ONLY
    verbatim: bool = False
    scorer: Value | None = None
    addscores: bool = False
    timeout: Milliseconds | None = None
    cursor: Cursor | None = None
    params: Pairs[str, Value] | None = None
    dialect: int | None = None

    def words(self, command: str) -> list[Arg]:
        """Return the request's words: the query, its options, the steps, the cursor.

        Raises:
            UsageError: an option or a step that cannot be right.
        """
        timeout = None if self.timeout is None else milliseconds(command, "timeout", self.timeout)
        return [
            self.query,
            *flags(("VERBATIM", self.verbatim)),
            *options(("SCORER", self.scorer)),
            *flags(("ADDSCORES", self.addscores)),
            *options(("TIMEOUT", timeout)),
            *pipeline(command, self.steps),
            *self._cursor(command),
            *parameters(command, self.params),
            *options(("DIALECT", self.dialect)),
        ]

    def _cursor(self, command: str) -> list[Arg]:
        if self.cursor is None:
            return []
        only(command, "cursor", self.cursor, Cursor)
        count, idle = self.cursor.count, self.cursor.maxidle
        if count is not None:
            whole(command, "cursor: count", count, 1)
        return [
            "WITHCURSOR",
            *options(
                ("COUNT", count), ("MAXIDLE", None if idle is None else milliseconds(command, "cursor: maxidle", idle))
            ),
        ]
