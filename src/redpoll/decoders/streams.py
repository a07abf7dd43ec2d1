"""Replies of streams. An entry is its id and its fields; nil, where nothing came in time, is an empty dict."""

from __future__ import annotations

from typing import Any

from redpoll.types import Text

from .basic import as_map, listed, twos


def entries(reply: Any) -> list[tuple[Text, dict[Text, Text]]]:
    """XRANGE, XREVRANGE: entries, whose fields come as a flat list on both protocols."""
    return [(id_, as_map(fields)) for id_, fields in listed(reply)]


def claimed(reply: Any) -> list[tuple[Text, dict[Text, Text]]]:
    """XCLAIM: entries; what older servers answer for deleted ones (nil) is left out."""
    return [(item[0], as_map(item[1])) for item in listed(reply) if item is not None and item[1] is not None]


def xread(reply: Any) -> dict[Text, list[tuple[Text, dict[Text, Text]]]]:
    """XREAD: entries by stream; a map in RESP3, pairs in RESP2, nil where there is nothing."""
    if reply is None:
        return {}
    return {key: [(id_, as_map(fields)) for id_, fields in listed(found)] for key, found in twos(reply)}


def xreadgroup(reply: Any) -> dict[Text, list[tuple[Text, dict[Text, Text] | None]]]:
    """XREADGROUP: as XREAD; the fields of a pending entry that was deleted are None."""
    if reply is None:
        return {}
    return {
        key: [(id_, None if fields is None else as_map(fields)) for id_, fields in listed(found)]
        for key, found in twos(reply)
    }
