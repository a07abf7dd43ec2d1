"""What the generated encoders of the search commands call: from a method's arguments to what follows the index's name."""

from __future__ import annotations

from typing import Any

from redpoll.arguments import empty, no_collection, not_a_collection, refused
from redpoll.types import Arg, Many, Value

from .common import counted, flags, listed, only, options
from .fields import Field
from .hybrid import HybridQuery
from .index import IndexDefinition
from .pipeline import AggregateRequest
from .query import Query


def schema(command: str, fields: Field | Many[Field]) -> list[Arg]:
    """Return the words of one field or several.

    Raises:
        UsageError: none, something else than a field, or a field that cannot be right.
    """
    given = listed(fields)
    if not given:
        raise empty(command, "schema")
    words: list[Arg] = []
    for number, field in enumerate(given, 1):
        only(command, f"schema: number {number}", field, Field)
        words += field.words(command)
    return words


def create(
    command: str,
    fields: Field | Many[Field],
    definition: IndexDefinition | None,
    *,
    maxtextfields: bool,
    temporary: Value | None,
    nooffsets: bool,
    nohl: bool,
    nofields: bool,
    nofreqs: bool,
    stopwords: Many[Value] | None,
    skipinitialscan: bool,
) -> list[Arg]:
    """Return what follows the name of an index that is made.

    Raises:
        UsageError: no field, or a definition, field or list of stop words that cannot be right.
    """
    if definition is not None:
        only(command, "definition", definition, IndexDefinition)
    if stopwords is not None and no_collection(stopwords):
        raise not_a_collection(command, "stopwords")
    return [
        *(definition.words(command) if definition is not None else ()),
        *flags(("MAXTEXTFIELDS", maxtextfields)),
        *options(("TEMPORARY", temporary)),
        *flags(("NOOFFSETS", nooffsets), ("NOHL", nohl), ("NOFIELDS", nofields), ("NOFREQS", nofreqs)),
        *(counted("STOPWORDS", stopwords) if stopwords is not None else ()),
        *flags(("SKIPINITIALSCAN", skipinitialscan)),
        "SCHEMA",
        *schema(command, fields),
    ]


def search(command: str, query: Value | Query, **rest: Any) -> list[Arg]:
    """Return the words of a query, which is ready, or is made of the other arguments.

    Raises:
        UsageError: options beside a query that is ready, or a query that cannot be right.
    """
    if isinstance(query, Query):
        _alone(command, query, rest)
        return query.words(command)
    return Query(query, **rest).words(command)


def aggregate(command: str, query: Value | AggregateRequest, **rest: Any) -> list[Arg]:
    """Return the words of a request, which is ready, or is made of the other arguments.

    Raises:
        UsageError: steps or options beside a request that is ready, or a request that cannot be right.
    """
    if isinstance(query, AggregateRequest):
        _alone(command, query, rest)
        return query.words(command)
    return AggregateRequest(query, **rest).words(command)


def _alone(command: str, ready: object, rest: dict[str, Any]) -> None:
    beside = [name for name, value in rest.items() if value is not None and value is not False and value != ()]
    if beside:
        raise refused(command, f"{', '.join(beside)}: the {type(ready).__name__} holds its own options")


def hybrid(command: str, query: HybridQuery) -> list[Arg]:
    """Return the words of a hybrid query.

    Raises:
        UsageError: something else than such a query, or one that cannot be right.
    """
    only(command, "query", query, HybridQuery)
    return query.words(command)


def profile(command: str, query: Query | AggregateRequest | HybridQuery, limited: bool) -> list[Arg]:
    """Return the words of a query that is profiled: its kind, how much is told, and the query.

    Raises:
        UsageError: something else than a query, or one that cannot be right.
    """
    only(command, "query", query, Query, AggregateRequest, HybridQuery)
    if isinstance(query, AggregateRequest) and query.cursor is not None:
        raise refused(command, "cursor: what is profiled cannot have one")
    kind = "SEARCH" if isinstance(query, Query) else "AGGREGATE" if isinstance(query, AggregateRequest) else "HYBRID"
    return [kind, *flags(("LIMITED", limited)), "QUERY", *query.words(command)]


def dictionaries(inclusion: str, names: Value | Many[Value] | None) -> list[Arg]:
    """Return the words of dictionaries that a spell check includes or excludes."""
    return [word for name in (listed(names) if names is not None else ()) for word in ("TERMS", inclusion, name)]
