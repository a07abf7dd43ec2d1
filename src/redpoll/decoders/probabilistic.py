"""Replies of filters and sketches that are records: each is a map in RESP3, flat names and values in RESP2."""

from __future__ import annotations

from typing import Any

from redpoll.records.probabilistic import BloomInfo, CountMinSketchInfo, CuckooInfo, TDigestInfo, TopKInfo

from .basic import extra_fields, record_fields


def bloom_info(reply: Any) -> BloomInfo:
    """BF.INFO."""
    data = record_fields(reply)
    take = data.pop
    return BloomInfo(
        capacity=take("Capacity"),
        size=take("Size"),
        filters=take("Number of filters"),
        items=take("Number of items inserted"),
        expansion=take("Expansion rate"),
        extra=extra_fields(data),
    )


def cuckoo_info(reply: Any) -> CuckooInfo:
    """CF.INFO."""
    data = record_fields(reply)
    take = data.pop
    return CuckooInfo(
        size=take("Size"),
        buckets=take("Number of buckets"),
        filters=take("Number of filters"),
        items=take("Number of items inserted"),
        deleted=take("Number of items deleted"),
        bucket_size=take("Bucket size"),
        expansion=take("Expansion rate"),
        max_iterations=take("Max iterations"),
        extra=extra_fields(data),
    )


def count_min_sketch_info(reply: Any) -> CountMinSketchInfo:
    """CMS.INFO."""
    data = record_fields(reply)
    take = data.pop
    return CountMinSketchInfo(take("width"), take("depth"), take("count"), extra_fields(data))


def topk_info(reply: Any) -> TopKInfo:
    """TOPK.INFO. The decay comes as text in RESP2."""
    data = record_fields(reply)
    take = data.pop
    return TopKInfo(take("k"), take("width"), take("depth"), float(take("decay")), extra_fields(data))


def tdigest_info(reply: Any) -> TDigestInfo:
    """TDIGEST.INFO."""
    data = record_fields(reply)
    take = data.pop
    return TDigestInfo(
        compression=take("Compression"),
        capacity=take("Capacity"),
        merged_nodes=take("Merged nodes"),
        unmerged_nodes=take("Unmerged nodes"),
        merged_weight=take("Merged weight"),
        unmerged_weight=take("Unmerged weight"),
        observations=take("Observations"),
        total_compressions=take("Total compressions"),
        memory_usage=take("Memory usage"),
        extra=extra_fields(data),
    )
