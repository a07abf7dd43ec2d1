"""What the time series commands answer. A sample is its timestamp, in milliseconds since 1970, and its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from redpoll.types import S


@dataclass(frozen=True, slots=True)
class Series(Generic[S]):
    """One series, or one group of series, of TS.MRANGE and TS.MREVRANGE.

    Attributes:
        labels: the labels that were asked for; None for one that the series has not, or its group has not in common.
        samples: its samples, or one value a bucket.
        reducer: how a group's series became one; None without ``groupby`` or without ``withlabels``.
        sources: the keys of the series of a group; none without ``groupby`` or without ``withlabels``.
    """

    labels: dict[S, S | None]
    samples: list[tuple[int, float]]
    reducer: str | None = None
    sources: list[S] = field(default_factory=list[S])


@dataclass(frozen=True, slots=True)
class SeriesRows(Generic[S]):
    """One series of TS.MRANGE and TS.MREVRANGE with several ``aggregations``.

    Attributes:
        labels: as in ``Series``.
        rows: the buckets: a timestamp and one value for each aggregation, in their order.
    """

    labels: dict[S, S | None]
    rows: list[tuple[int, list[float]]]


@dataclass(frozen=True, slots=True)
class SeriesSample(Generic[S]):
    """One series of TS.MGET.

    Attributes:
        labels: as in ``Series``.
        sample: its newest sample; None where it is empty.
    """

    labels: dict[S, S | None]
    sample: tuple[int, float] | None


@dataclass(frozen=True, slots=True)
class CompactionRule(Generic[S]):
    """How a series is aggregated into another one.

    Attributes:
        key: the other series.
        bucket_duration: of one bucket, in milliseconds.
        aggregator: how a bucket becomes one value, in lower case.
        alignment: a timestamp at which a bucket begins; None before RedisTimeSeries 1.8.
    """

    key: S
    bucket_duration: int
    aggregator: str
    alignment: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesChunk:
    """One chunk of a series' memory.

    Attributes:
        start: the timestamp of its first sample.
        end: the timestamp of its last sample.
        samples: samples in it.
        size: bytes of its data.
        bytes_per_sample: ``size`` by ``samples``; infinite for an empty one.
        extra: what a newer server adds.
    """

    start: int
    end: int
    samples: int
    size: int
    bytes_per_sample: float
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class SeriesInfo(Generic[S]):
    """A series, as TS.INFO tells it.

    Attributes:
        total_samples: samples in it.
        memory_usage: bytes.
        first_timestamp: of its first sample; 0 where it is empty.
        last_timestamp: of its last sample; 0 where it is empty.
        retention: milliseconds that a sample is kept, counted from the newest; 0 for ever.
        chunk_count: chunks of memory.
        chunk_size: bytes that a new chunk's data takes at first.
        chunk_type: ``"compressed"`` or ``"uncompressed"``.
        duplicate_policy: what a second sample of one timestamp does, in lower case; None for the server's default.
        labels: its labels.
        source_key: the series that is aggregated into this one; None where there is none.
        rules: the series that this one is aggregated into.
        ignore_max_time_diff: milliseconds within which a sample that differs little is ignored; None before 7.4.
        ignore_max_val_diff: how much differs little; None before 7.4.
        key: the series' own key; None without ``debug``.
        chunks: its chunks; none without ``debug``.
        extra: what a newer server adds.
    """

    total_samples: int
    memory_usage: int
    first_timestamp: int
    last_timestamp: int
    retention: int
    chunk_count: int
    chunk_size: int
    chunk_type: str
    duplicate_policy: str | None
    labels: dict[S, S]
    source_key: S | None
    rules: list[CompactionRule[S]]
    ignore_max_time_diff: int | None = None
    ignore_max_val_diff: float | None = None
    key: S | None = None
    chunks: list[SeriesChunk] = field(default_factory=list[SeriesChunk])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
