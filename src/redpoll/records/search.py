"""What the search commands answer.

``S`` is what the server's strings become; R what a profiled query answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from typing_extensions import TypeVar

from redpoll.types import S

R = TypeVar("R", covariant=True)


@dataclass(frozen=True, slots=True)
class Document(Generic[S]):
    """A document that a query found.

    A hash that holds a vector's bytes cannot be read as ``str``: ask for its other fields by name with ``return_``, or for
    all of them on ``r.binary``.

    Attributes:
        id: its key.
        fields: what was asked of it, by name; empty with ``nocontent``, or where it expired meanwhile.
        score: with ``withscores``.
        payload: with ``withpayloads``, where it has one.
        sortkey: with ``withsortkeys``: ``#`` and a number, or ``$`` and text.
        explanation: with ``explainscore``: how the score came about, as text and lists of the same.
    """

    id: S
    fields: dict[S, S]
    score: float | None = None
    payload: S | None = None
    sortkey: S | None = None
    explanation: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class SearchResult(Generic[S]):
    """A page of documents.

    Attributes:
        total: how many documents match, on all pages.
        documents: of this page, in their order.
        warnings: why the result may lack something; RESP3 only.
    """

    total: int
    documents: list[Document[S]]
    warnings: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class AggregateResult(Generic[S]):
    """Rows of an aggregation.

    Attributes:
        rows: values by name: text, None, or a list of such. What ``collect`` gathers are dicts on RESP3, and flat lists of
            names and values on RESP2, which cannot tell one from the other.
        cursor: what ``ft_cursor_read`` reads on with; 0 at the end, None without a cursor.
        total: what the server counted; no true number of rows but with ``withcount``.
        warnings: why the result may lack something; RESP3 only.
    """

    rows: list[dict[S, Any]]
    cursor: int | None = None
    total: int = 0
    warnings: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class HybridResult(Generic[S]):
    """Rows of a hybrid query.

    Attributes:
        total: how many documents are in the fused list.
        rows: values by name; the key and the score are ``__key`` and ``__score``.
        warnings: why the result may lack something.
        execution_time: of the query on the server, in milliseconds.
    """

    total: int
    rows: list[dict[S, Any]]
    warnings: list[str] = field(default_factory=list[str])
    execution_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ProfileResult(Generic[R]):
    """A query's result, and what the server did for it.

    Attributes:
        result: what the query's own command would have answered.
        profile: the server's report: ``"Shards"``, each a map of times in milliseconds and of iterators and processors,
            and ``"Coordinator"``.
    """

    result: R
    profile: dict[str, Any]


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Which documents an index covers.

    Attributes:
        key_type: ``"HASH"`` or ``"JSON"``.
        prefixes: what their keys begin with; one empty text for all keys.
        default_score: of documents without one.
        filter: the expression that they must satisfy.
        default_language: of documents without one.
        language_field: the field that says a document's language.
        score_field: the field that says a document's score.
        payload_field: the field that holds a document's payload.
        indexes_all: whether a list of all documents is kept.
        extra: what a newer server adds.
    """

    key_type: str
    prefixes: list[str]
    default_score: float = 1.0
    filter: str | None = None
    default_language: str | None = None
    language_field: str | None = None
    score_field: str | None = None
    payload_field: str | None = None
    indexes_all: bool = False
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class IndexField:
    """A field of an index.

    Attributes:
        identifier: the field of the hash, or the JSONPath.
        attribute: what queries call it.
        type: ``"TEXT"``, ``"TAG"``, ``"NUMERIC"``, ``"GEO"``, ``"GEOSHAPE"`` or ``"VECTOR"``.
        flags: ``"SORTABLE"``, ``"NOSTEM"`` …
        options: the others, by name: ``WEIGHT``, ``SEPARATOR``, ``dim`` …
    """

    identifier: str
    attribute: str
    type: str
    flags: list[str] = field(default_factory=list[str])
    options: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index: its schema and its state.

    Attributes:
        name: of the index.
        options: those that stand for themselves: ``"NOFREQS"`` …
        definition: which documents it covers.
        fields: its schema.
        num_docs: documents in it.
        max_doc_id: the highest number of a document; 0, as the next two, where the server does not say.
        num_terms: different words.
        num_records: words and numbers in documents, all together.
        hash_indexing_failures: documents that could not be indexed.
        indexing: whether documents that were there before it are still being read.
        percent_indexed: how many of these are read, from 0 to 1.
        total_indexing_time: in milliseconds.
        number_of_uses: how often it was queried.
        cleaning: whether it is being deleted.
        stopwords: its own stop words; None where it has the usual ones.
        gc_stats: of the collection of garbage.
        cursor_stats: of cursors.
        dialect_stats: queries by dialect.
        errors: of indexing, by name.
        field_statistics: the same for each field.
        extra: sizes in megabytes, averages, and what a newer server adds.
    """

    name: str
    options: list[str]
    definition: IndexSettings
    fields: list[IndexField]
    num_docs: int
    max_doc_id: int
    num_terms: int
    num_records: int
    hash_indexing_failures: int = 0
    indexing: bool = False
    percent_indexed: float = 1.0
    total_indexing_time: float = 0.0
    number_of_uses: int = 0
    cleaning: bool = False
    stopwords: list[str] | None = None
    gc_stats: dict[str, float] = field(default_factory=dict[str, float])
    cursor_stats: dict[str, int] = field(default_factory=dict[str, int])
    dialect_stats: dict[str, int] = field(default_factory=dict[str, int])
    errors: dict[str, Any] = field(default_factory=dict[str, Any])
    field_statistics: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
