"""Replies of the search commands: maps that name their parts in RESP3, flat lists in RESP2."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from typing import Any, Final

from redpoll.records.search import AggregateResult, Document, HybridResult, ProfileResult, SearchResult
from redpoll.spec import Decoder
from redpoll.types import Arg, Text

from .basic import as_map, listed, readable, record_fields, to_str

_BEFORE: Final = ("VERBATIM", "NOSTOPWORDS")
_SHAPING: Final = ("NOCONTENT", "WITHSCORES", "WITHPAYLOADS", "WITHSORTKEYS")


def _shape(words: Sequence[Arg], start: int) -> frozenset[Arg]:
    """Return the options that shape a search's reply: they follow the query, before any other that has a value."""
    flags = takewhile(lambda word: word in _SHAPING or word in _BEFORE, words[start:])
    return frozenset(flags).intersection(_SHAPING)


def search_reply(words: Sequence[Arg]) -> Decoder[SearchResult[Text]]:
    """FT.SEARCH: RESP2 does not say which parts a document has, so the call's options do."""
    return _search(_shape(words, 3))


@cache
def _search(given: frozenset[Arg]) -> Decoder[SearchResult[Text]]:
    scores, payloads, sortkeys = [name in given for name in ("WITHSCORES", "WITHPAYLOADS", "WITHSORTKEYS")]
    content = "NOCONTENT" not in given

    def decode(reply: Any) -> SearchResult[Text]:
        if reply.__class__ is dict:
            return _named(reply)
        parts = iter(reply)
        total = next(parts)
        documents: list[Document[Text]] = []
        for key in parts:
            score, explanation = _scored(next(parts)) if scores else (None, None)
            payload = next(parts) if payloads else None
            sortkey = next(parts) if sortkeys else None
            fields = next(parts) if content else None
            documents.append(Document(key, _fields(fields), score, payload, sortkey, explanation))
        return SearchResult(total, documents)

    return decode


def _named(reply: Any) -> SearchResult[Text]:
    data = record_fields(reply)
    documents: list[Document[Text]] = []
    for item in data["results"]:
        part = record_fields(item)
        score, explanation = _scored(part.get("score"))
        fields = _fields(part.get("extra_attributes"))
        documents.append(Document(part["id"], fields, score, part.get("payload"), part.get("sortkey"), explanation))
    return SearchResult(data["total_results"], documents, _warnings(data.get("warning")))


def _scored(part: Any) -> tuple[float | None, list[Any] | None]:
    """Return a score, and its explanation where it stands beside it."""
    if part is None:
        return None, None
    if part.__class__ is not list:
        return float(part), None
    score, explanation = part
    return float(score), _explained(explanation)


def _explained(part: Any) -> list[Any]:
    several: list[Any] = part if part.__class__ is list else [part]
    return [_explained(each) if isinstance(each, list) else readable(each) for each in several]


def _fields(part: Any) -> dict[Text, Any]:
    """Return fields by name; a document that expired while the query ran has nil instead."""
    return {} if not part or part == [None] else as_map(part)


def _warnings(part: Any) -> list[str]:
    return [readable(each) for each in part or ()]


def aggregate_reply(reply: Any) -> AggregateResult[Text]:
    """FT.AGGREGATE and FT.CURSOR READ: rows, and a cursor behind them where one was asked for."""
    if reply.__class__ is list and reply and reply[0].__class__ in (list, dict):
        return _rows(reply[0], reply[1])
    return _rows(reply, None)


def _rows(reply: Any, cursor: int | None) -> AggregateResult[Text]:
    if reply.__class__ is dict:
        data = record_fields(reply)
        rows = [_fields(record_fields(row).get("extra_attributes")) for row in data["results"]]
        return AggregateResult(rows, cursor, data["total_results"], _warnings(data.get("warning")))
    if not reply:
        return AggregateResult([], cursor)
    return AggregateResult([_fields(row) for row in listed(reply)[1:]], cursor, reply[0])


def hybrid_reply(reply: Any) -> HybridResult[Text]:
    """FT.HYBRID: named in both protocols."""
    data = record_fields(reply)
    rows = [_fields(row) for row in data["results"]]
    warnings = _warnings(data.get("warnings"))
    return HybridResult(int(data["total_results"]), rows, warnings, float(data.get("execution_time", 0)))


def profile_reply(
    words: Sequence[Arg],
) -> Decoder[
    ProfileResult[SearchResult[Text]] | ProfileResult[AggregateResult[Text]] | ProfileResult[HybridResult[Text]]
]:
    """FT.PROFILE: the reply of the query's own command, and the report."""
    kind = words[2]
    if kind == "AGGREGATE":
        return _aggregate_profile
    if kind == "HYBRID":
        return _hybrid_profile
    return _search_profile(_shape(words, 6 if words[3] == "LIMITED" else 5))


@cache
def _search_profile(shape: frozenset[Arg]) -> Decoder[ProfileResult[SearchResult[Text]]]:
    result = _search(shape)

    def decode(reply: Any) -> ProfileResult[SearchResult[Text]]:
        own, report = _both(reply)
        return ProfileResult(result(own), _report(report))

    return decode


def _aggregate_profile(reply: Any) -> ProfileResult[AggregateResult[Text]]:
    own, report = _both(reply)
    return ProfileResult(aggregate_reply(own), _report(report))


def _hybrid_profile(reply: Any) -> ProfileResult[HybridResult[Text]]:
    own, report = _both(reply)
    return ProfileResult(hybrid_reply(own), _report(report))


def _both(reply: Any) -> tuple[Any, Any]:
    """Return the result and the report: two elements, or a map of both, or the report as one more part of the result."""
    if reply.__class__ is list and len(reply) == 2:
        return reply[0], reply[1]
    data = {key.lower(): value for key, value in record_fields(reply).items()}
    return reply if "total_results" in data else data["results"], data["profile"]


_MANY: Final = frozenset(("Shards", "Child iterators", "Result processors profile"))
"""Parts of a report that are lists of maps."""


def _report(part: Any) -> dict[str, Any]:
    """Return a report with maps as dicts; servers before 8 report one shard, in RESP2 as a list of names with values."""
    if part.__class__ is dict:
        found = {key: _value(key, [value]) for key, value in record_fields(part).items()}
    elif part and isinstance(part[0], list):
        found = {to_str(name): _value(to_str(name), values) for name, *values in part}
    else:
        found = _map(part)
    return found if "Shards" in found else {"Shards": [found], "Coordinator": {}}


def _map(part: Any) -> dict[str, Any]:
    if part.__class__ is dict:
        return {key: _value(key, [value]) for key, value in record_fields(part).items()}
    found: dict[str, Any] = {}
    at = 0
    while at < len(part):
        key = to_str(part[at])
        end = at + 2
        while key in _MANY and end < len(part) and isinstance(part[end], list):
            end += 1  # an older server puts the maps behind the name, one by one
        found[key] = _value(key, part[at + 1 : end])
        at = end
    return found


def _value(key: str, values: list[Any]) -> Any:
    """Return what stands behind a name of a report: usually one value."""
    first: Any = values[0] if values else "None"
    if key in _MANY and first.__class__ is list:
        inner: list[Any] = first
        return [_map(each) for each in (inner if not inner or isinstance(inner[0], list | dict) else values)]
    if first.__class__ is list:
        parts: list[Any] = first
        if key.startswith("Warning"):
            return _warnings(parts)
        return _map(parts[0] if parts and isinstance(parts[0], dict) else parts)
    if first.__class__ is dict:
        return _map(first)
    if isinstance(first, str | bytes):
        return float(first) if key.lower().endswith("time") else readable(first)
    return first
