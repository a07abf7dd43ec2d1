"""Replies on search indexes, dictionaries and settings: maps in RESP3, lists of names and values in RESP2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from redpoll.records.search import IndexField, IndexInfo, IndexSettings
from redpoll.types import Text

from .basic import as_map, extra_fields, flag, readable, record_fields, to_str, twos

_FLAGS: Final = frozenset(
    ("CASESENSITIVE", "INDEXEMPTY", "INDEXMISSING", "NOINDEX", "NOSTEM", "SORTABLE", "UNF", "WITHSUFFIXTRIE")
)
"""Words of a field that stand alone; in RESP2 they stand among the pairs."""


def suggestions(reply: Any) -> list[tuple[Text, float, Text | None]]:
    """FT.SUGGET with scores and payloads: flat triples on both protocols."""
    flat = iter(reply)
    return [(text, float(score), payload) for text, score, payload in zip(flat, flat, flat, strict=True)]


def spelling(reply: Any) -> dict[Text, list[tuple[Text, float]]]:
    """FT.SPELLCHECK: corrections with their scores, the best first, by misspelled word."""
    if reply.__class__ is dict:
        found = as_map(record_fields(reply)["results"])
        return {
            term: [(word, float(score)) for each in words for word, score in each.items()]
            for term, words in found.items()
        }
    return {term: [(word, float(score)) for score, word in words] for _, term, words in reply}


def search_settings(reply: Any) -> dict[str, str | None]:
    """FT.CONFIG GET: values by name, None for what is not set."""
    return {to_str(name): None if value is None else readable(value) for name, value in twos(reply)}


def search_settings_help(reply: Any) -> dict[str, dict[str, str | None]]:
    """FT.CONFIG HELP: ``"Description"`` and ``"Value"`` by name."""
    rows: Iterable[Any] = reply.items() if reply.__class__ is dict else ((row[0], row[1:]) for row in reply)
    return {
        to_str(name): {key: None if value is None else readable(value) for key, value in record_fields(parts).items()}
        for name, parts in rows
    }


def index_info(reply: Any) -> IndexInfo:
    """FT.INFO. Its numbers come as text in RESP2, and its maps as flat lists."""
    data = record_fields(reply)
    take = data.pop
    stopwords = take("stopwords_list", None)
    return IndexInfo(
        name=readable(take("index_name")),
        options=_texts(take("index_options", [])),
        definition=_definition(take("index_definition")),
        fields=[_field(each) for each in take("attributes")],
        num_docs=_whole(take("num_docs")),
        max_doc_id=_whole(take("max_doc_id", 0)),
        num_terms=_whole(take("num_terms", 0)),
        num_records=_whole(take("num_records", 0)),
        hash_indexing_failures=_whole(take("hash_indexing_failures", 0)),
        indexing=flag(float(take("indexing", 0))),
        percent_indexed=float(take("percent_indexed", 1)),
        total_indexing_time=float(take("total_indexing_time", 0)),
        number_of_uses=_whole(take("number_of_uses", 0)),
        cleaning=flag(float(take("cleaning", 0))),
        stopwords=None if stopwords is None else _texts(stopwords),
        gc_stats={name: float(value) for name, value in record_fields(take("gc_stats", [])).items()},
        cursor_stats={name: _whole(value) for name, value in record_fields(take("cursor_stats", [])).items()},
        dialect_stats={name: _whole(value) for name, value in record_fields(take("dialect_stats", [])).items()},
        errors=_plain(record_fields(take("Index Errors", []))),
        field_statistics=[_statistics(each) for each in take("field statistics", [])],
        extra=_plain(data),
    )


def _texts(part: Any) -> list[str]:
    return [readable(each) for each in part]


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else int(float(value))


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """Return values with their text as ``str``, and what reads as a number as one."""
    return {name: _number(value) for name, value in extra_fields(data).items()}


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _statistics(part: Any) -> dict[str, Any]:
    data = record_fields(part)
    errors = data.pop("Index Errors", None)
    found: dict[str, Any] = {name: readable(data.pop(name)) for name in ("identifier", "attribute") if name in data}
    return {**found, **_plain(data), "Index Errors": _plain(record_fields(errors or []))}


def _definition(part: Any) -> IndexSettings:
    data = record_fields(part)
    take = data.pop
    texts = [take(name, None) for name in ("filter", "default_language", "language_field", "score_field")]
    filter_, language, language_field, score_field = [None if text is None else readable(text) for text in texts]
    payload = take("payload_field", None)
    return IndexSettings(
        key_type=readable(take("key_type")),
        prefixes=_texts(take("prefixes", [])),
        default_score=float(take("default_score", 1)),
        filter=filter_,
        default_language=language,
        language_field=language_field,
        score_field=score_field,
        payload_field=None if payload is None else readable(payload),
        indexes_all=readable(take("indexes_all", "false")) == "true",
        extra=_plain(data),
    )


def _field(part: Any) -> IndexField:
    if part.__class__ is dict:
        data = record_fields(part)
        flags = _texts(data.pop("flags", []))
    else:
        flags, pairs = _sorted_out(part)
        data = record_fields(pairs)
    names = [readable(data.pop(name)) for name in ("identifier", "attribute", "type")]
    return IndexField(names[0], names[1], names[2], flags, _plain(data))


def _sorted_out(part: list[Any]) -> tuple[list[str], list[Any]]:
    """Return the words that stand alone, and the flat pairs; a newer server's word may stand alone at the end."""
    flags: list[str] = []
    pairs: list[Any] = []
    words = iter(part)
    for word in words:
        name = readable(word)
        value = None if name in _FLAGS else next(words, None)
        if value is None:
            flags.append(name)
        else:
            pairs += (word, value)
    return flags, pairs
