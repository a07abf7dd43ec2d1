"""Replies of geo searches and of LCS, as records."""

from __future__ import annotations

from typing import Any

from redpoll.records.data import GeoResult, LcsMatch, LcsMatches
from redpoll.types import Text

from .basic import extra_fields, record_fields
from .scored import position


def geo_found(reply: Any) -> list[GeoResult[Text]]:
    """GEOSEARCH and its kind with any of ``withdist``, ``withhash``, ``withcoord``.

    Which were asked for shows in the types: a distance is text (or a double), a hash an integer, a position a list.
    """
    return [_geo_result(item) for item in reply]


def _geo_result(item: Any) -> GeoResult[Text]:
    distance: float | None = None
    number: int | None = None
    where: tuple[float, float] | None = None
    for part in item[1:]:
        if isinstance(part, list):
            where = position(part)
        elif isinstance(part, int):
            number = part
        else:
            distance = float(part)
    return GeoResult(item[0], distance, number, where)


def lcs_matches(reply: Any) -> LcsMatches:
    """LCS with ``idx``, with or without ``withmatchlen``: the lengths follow from the positions."""
    data = record_fields(reply)
    matches = [LcsMatch((item[0][0], item[0][1]), (item[1][0], item[1][1])) for item in data.pop("matches")]
    return LcsMatches(data.pop("len"), matches, extra_fields(data))
