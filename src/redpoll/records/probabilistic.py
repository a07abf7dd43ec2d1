"""What filters and sketches tell of themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class BloomInfo:
    """A Bloom filter.

    Attributes:
        capacity: items that fit before it grows, those in it included.
        size: bytes.
        filters: its sub-filters.
        items: items that were added and not taken for one that was there.
        expansion: how many times as large the next sub-filter is; None for a filter that does not grow.
        extra: what a newer server adds.
    """

    capacity: int
    size: int
    filters: int
    items: int
    expansion: int | None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CuckooInfo:
    """A cuckoo filter.

    Attributes:
        size: bytes.
        buckets: its buckets.
        filters: its sub-filters.
        items: items that were added.
        deleted: items that were deleted.
        bucket_size: items a bucket.
        expansion: how many times as large the next sub-filter is; 0 for a filter that does not grow.
        max_iterations: how often items are moved to make room before the filter grows.
        extra: what a newer server adds.
    """

    size: int
    buckets: int
    filters: int
    items: int
    deleted: int
    bucket_size: int
    expansion: int
    max_iterations: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CountMinSketchInfo:
    """A count-min sketch.

    Attributes:
        width: counters a row.
        depth: rows.
        count: the sum of all increments.
        extra: what a newer server adds.
    """

    width: int
    depth: int
    count: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class TopKInfo:
    """A top-k list.

    Attributes:
        k: items that it keeps.
        width: counters a row.
        depth: rows.
        decay: the probability that a counter of another item is lowered.
        extra: what a newer server adds.
    """

    k: int
    width: int
    depth: int
    decay: float
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class TDigestInfo:
    """A t-digest.

    Attributes:
        compression: the larger, the more exact and the more memory.
        capacity: centroids and waiting observations that fit.
        merged_nodes: centroids.
        unmerged_nodes: waiting observations.
        merged_weight: the weight of the centroids.
        unmerged_weight: the weight of the waiting observations.
        observations: how many were added.
        total_compressions: how often waiting observations were merged.
        memory_usage: bytes.
        extra: what a newer server adds.
    """

    compression: int
    capacity: int
    merged_nodes: int
    unmerged_nodes: int
    merged_weight: int
    unmerged_weight: int
    observations: int
    total_compressions: int
    memory_usage: int
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
