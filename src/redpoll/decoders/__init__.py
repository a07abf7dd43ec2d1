"""Reply decoders: from what the parser read to the value that a method promises; ``basic`` holds the rules.

The decoders that make records are in modules of their own, which are imported when the first of them is needed: making
the record classes takes as long as all the rest of the package.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from .basic import (
    as_map,
    extra_fields,
    flag,
    identity,
    list_of,
    listed,
    map_of,
    migrated,
    ok,
    opt,
    pairs_of,
    readable,
    record_fields,
    set_of,
    strings,
    through,
    to_float,
    to_int,
    to_str,
    tuple_of,
    twos,
)
from .data import hscan, key_list, key_value, scan, text_scan
from .documents import (
    json_flag,
    json_flags,
    json_length,
    json_lengths,
    json_number,
    json_numbers,
    json_type,
    json_types,
    json_value,
    json_values,
)
from .filters import added_items, dumped_chunk, one_field
from .samples import added_samples, bucket_rows, joined_rows, sample, sample_list
from .scored import geo_positions, key_member_score, key_scored, popped_one, position, rank_score, scored, zscan
from .streams import claimed, entries, xread, xreadgroup

if TYPE_CHECKING:
    from . import (
        cluster,
        commands,
        matches,
        probabilistic,
        search,
        search_index,
        sentinel,
        server,
        stream_state,
        text,
        timeseries,
        vectors,
    )

__all__ = [
    "added_items",
    "added_samples",
    "as_map",
    "bucket_rows",
    "claimed",
    "cluster",
    "commands",
    "dumped_chunk",
    "entries",
    "extra_fields",
    "flag",
    "geo_positions",
    "hscan",
    "identity",
    "joined_rows",
    "json_flag",
    "json_flags",
    "json_length",
    "json_lengths",
    "json_number",
    "json_numbers",
    "json_type",
    "json_types",
    "json_value",
    "json_values",
    "key_list",
    "key_member_score",
    "key_scored",
    "key_value",
    "list_of",
    "listed",
    "map_of",
    "matches",
    "migrated",
    "ok",
    "one_field",
    "opt",
    "pairs_of",
    "popped_one",
    "position",
    "probabilistic",
    "rank_score",
    "readable",
    "record_fields",
    "sample",
    "sample_list",
    "scan",
    "scored",
    "search",
    "search_index",
    "sentinel",
    "server",
    "set_of",
    "stream_state",
    "strings",
    "text",
    "text_scan",
    "through",
    "timeseries",
    "to_float",
    "to_int",
    "to_str",
    "tuple_of",
    "twos",
    "vectors",
    "xread",
    "xreadgroup",
    "zscan",
]

LATE: Final = frozenset(
    (
        "cluster",
        "commands",
        "matches",
        "probabilistic",
        "search",
        "search_index",
        "sentinel",
        "server",
        "stream_state",
        "text",
        "timeseries",
        "vectors",
    )
)
"""The modules that make records."""


def __getattr__(name: str) -> ModuleType:
    if name in LATE:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
