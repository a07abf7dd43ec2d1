"""Replies of the time series commands that are records: several series, and TS.INFO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redpoll.records.timeseries import CompactionRule, Series, SeriesChunk, SeriesInfo, SeriesRows, SeriesSample
from redpoll.types import Text

from .basic import extra_fields, record_fields, to_str, twos
from .samples import bucket_rows, sample, sample_list


def newest_samples(reply: Any) -> dict[Text, SeriesSample[Text]]:
    """TS.MGET: lists of key, labels and sample in RESP2, a map in RESP3."""
    return {key: SeriesSample(_labels(parts[0]), sample(parts[-1])) for key, parts in _series(reply)}


def series_map(reply: Any) -> dict[Text, Series[Text]]:
    """TS.MRANGE and TS.MREVRANGE. What RESP3 alone tells, between labels and samples, is left out."""
    return {key: Series(_labels(parts[0]), sample_list(parts[-1])) for key, parts in _series(reply)}


def series_rows(reply: Any) -> dict[Text, SeriesRows[Text]]:
    """The same with several aggregations."""
    return {key: SeriesRows(_labels(parts[0]), bucket_rows(parts[-1])) for key, parts in _series(reply)}


def series_groups(reply: Any) -> dict[Text, Series[Text]]:
    """The same with ``groupby`` and ``withlabels``: RESP2 tells reducer and sources as labels, RESP3 apart from them."""
    return {key: _group(parts) for key, parts in _series(reply)}


def _group(parts: list[Any]) -> Series[Text]:
    labels = _labels(parts[0])
    told = {to_str(name): name for name in labels}
    reducer = labels.pop(told["__reducer__"]) if "__reducer__" in told else None
    sources: Any = labels.pop(told["__source__"]) if "__source__" in told else []
    for part in parts[1:-1]:
        data = record_fields(part)
        reducer = next(iter(data.get("reducers", ())), reducer)
        sources = data.get("sources", sources)
    if isinstance(sources, str):
        sources = sources.split(",")
    elif isinstance(sources, bytes):
        sources = sources.split(b",")
    return Series(labels, sample_list(parts[-1]), None if reducer is None else to_str(reducer), list(sources))


def _series(reply: Any) -> Iterator[tuple[Any, list[Any]]]:
    kind = reply.__class__
    if kind is dict:
        yield from reply.items()
    else:
        yield from ((key, parts) for key, *parts in reply)


def _labels(reply: Any) -> dict[Text, Text]:
    return dict(twos(reply)) if reply else {}


def series_info(reply: Any) -> SeriesInfo[Text]:
    """TS.INFO."""
    data = record_fields(reply)
    take = data.pop
    policy, value_diff = take("duplicatePolicy", None), take("ignoreMaxValDiff", None)
    return SeriesInfo(
        total_samples=take("totalSamples"),
        memory_usage=take("memoryUsage"),
        first_timestamp=take("firstTimestamp"),
        last_timestamp=take("lastTimestamp"),
        retention=take("retentionTime"),
        chunk_count=take("chunkCount"),
        chunk_size=take("chunkSize"),
        chunk_type=to_str(take("chunkType")),
        duplicate_policy=None if policy is None else to_str(policy).lower(),
        labels=_labels(take("labels")),
        source_key=take("sourceKey"),
        rules=[_rule(key, *parts) for key, parts in _series(take("rules"))],
        ignore_max_time_diff=take("ignoreMaxTimeDiff", None),
        ignore_max_val_diff=None if value_diff is None else float(value_diff),
        key=take("keySelfName", None),
        chunks=[_chunk(item) for item in take("Chunks", ())],
        extra=extra_fields(data),
    )


def _rule(key: Any, bucket_duration: int, aggregator: Any, alignment: int | None = None) -> CompactionRule[Text]:
    return CompactionRule(key, bucket_duration, to_str(aggregator).lower(), alignment)


def _chunk(reply: Any) -> SeriesChunk:
    data = record_fields(reply)
    take = data.pop
    return SeriesChunk(
        start=take("startTimestamp"),
        end=take("endTimestamp"),
        samples=take("samples"),
        size=take("size"),
        bytes_per_sample=float(take("bytesPerSample")),
        extra=extra_fields(data),
    )
