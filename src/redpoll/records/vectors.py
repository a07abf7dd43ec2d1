"""What vector sets and arrays answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RawVector:
    """An element's vector as the vector set stores it.

    Attributes:
        quantization: ``"f32"``, ``"int8"`` or ``"bin"``.
        data: the stored bytes.
        norm: the vector's length before it was normalised.
        range: what an ``int8`` value of 127 stands for; None for the others.
    """

    quantization: str
    data: bytes
    norm: float
    range: float | None = None


@dataclass(frozen=True, slots=True)
class VectorSetInfo:
    """A vector set.

    Attributes:
        quantization: ``"f32"``, ``"int8"`` or ``"bin"``.
        dimensions: of the stored vectors.
        input_dimensions: of the vectors given, where they are projected to fewer; 0 where not.
        size: elements in it.
        hnsw_m: links a node has on each layer.
        max_level: the highest layer.
        attributes_count: elements with attributes.
        uid: the set's number.
        max_node_uid: the highest number of a node.
        extra: what a newer server adds.
    """

    quantization: str
    dimensions: int
    size: int
    hnsw_m: int
    max_level: int
    uid: int
    max_node_uid: int
    input_dimensions: int = 0
    attributes_count: int = 0
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """An array. The last five are None without ``full``.

    Attributes:
        count: elements in it.
        length: its highest index plus one.
        next_insert_index: where ARINSERT would go on; 0 where it was not used, or has no room left.
        slices: allocated slices.
        directory_size: slots of its directory.
        super_directory_entries: slots of its super-directory; 0 without one.
        slice_size: elements a slice.
        dense_slices: how many slices are dense.
        sparse_slices: how many are sparse.
        avg_dense_size: mean allocation of a dense slice.
        avg_dense_fill: mean fill rate of a dense slice.
        avg_sparse_size: mean capacity of a sparse slice.
        extra: what a newer server adds.
    """

    count: int
    length: int
    next_insert_index: int
    slices: int
    directory_size: int
    super_directory_entries: int
    slice_size: int
    dense_slices: int | None = None
    sparse_slices: int | None = None
    avg_dense_size: float | None = None
    avg_dense_fill: float | None = None
    avg_sparse_size: float | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
