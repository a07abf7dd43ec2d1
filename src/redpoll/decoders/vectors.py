"""Replies of vector sets and arrays."""

from __future__ import annotations

from typing import Any

from redpoll.records.vectors import ArrayInfo, RawVector, VectorSetInfo
from redpoll.types import Text

from .basic import as_map, extra_fields, listed, record_fields, to_str


def similar_scores(reply: Any) -> dict[Text, float]:
    """VSIM with ``withscores``: elements, the most similar first."""
    return {element: float(score) for element, score in as_map(reply).items()}


def similar_attributes(reply: Any) -> dict[Text, Text | None]:
    """VSIM with ``withattribs``: elements with their attributes, None for those without."""
    return as_map(reply)


def similar_all(reply: Any) -> dict[Text, tuple[float, Text | None]]:
    """VSIM with both: a map of pairs in RESP3, flat triples in RESP2."""
    kind = reply.__class__
    if kind is list:
        flat = iter(reply)
        return {element: (float(score), text) for element, score, text in zip(flat, flat, flat, strict=True)}
    return {element: (float(score), text) for element, (score, text) in reply.items()}


def link_scores(reply: Any) -> list[dict[Text, float]]:
    """VLINKS with ``withscores``: neighbours by layer, the highest layer first."""
    return [{element: float(score) for element, score in as_map(layer).items()} for layer in reply]


def raw_vector(reply: Any) -> RawVector:
    """VEMB with ``raw``; it must be read as bytes."""
    reply = listed(reply)
    return RawVector(to_str(reply[0]), reply[1], float(reply[2]), float(reply[3]) if len(reply) > 3 else None)


def vector_set_info(reply: Any) -> VectorSetInfo:
    """VINFO."""
    data = extra_fields(record_fields(reply))
    take = data.pop
    return VectorSetInfo(
        quantization=take("quant-type"),
        dimensions=take("vector-dim"),
        size=take("size"),
        hnsw_m=take("hnsw-m"),
        max_level=take("max-level"),
        uid=take("vset-uid"),
        max_node_uid=take("hnsw-max-node-uid"),
        input_dimensions=take("projection-input-dim", 0),
        attributes_count=take("attributes-count", 0),
        extra=data,
    )


def array_info(reply: Any) -> ArrayInfo:
    """ARINFO. Its averages come as text in RESP2."""
    data = extra_fields(record_fields(reply))
    take = data.pop
    averages = [take(name, None) for name in ("avg-dense-size", "avg-dense-fill", "avg-sparse-size")]
    dense, fill, sparse = [None if value is None else float(value) for value in averages]
    return ArrayInfo(
        count=take("count"),
        length=take("len"),
        next_insert_index=take("next-insert-index"),
        slices=take("slices"),
        directory_size=take("directory-size"),
        super_directory_entries=take("super-dir-entries"),
        slice_size=take("slice-size"),
        dense_slices=take("dense-slices", None),
        sparse_slices=take("sparse-slices", None),
        avg_dense_size=dense,
        avg_dense_fill=fill,
        avg_sparse_size=sparse,
        extra=data,
    )


def array_result(reply: Any) -> int | float | None:
    """AROP: an integer, the text of a number, or nil; a whole number becomes an ``int``."""
    if reply is None or isinstance(reply, int):
        return reply
    try:
        return int(reply)
    except ValueError:
        return float(reply)
