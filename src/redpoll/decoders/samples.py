"""Replies of the time series commands that are samples: timestamps with values, as doubles (RESP3) or as text (RESP2)."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError

from redpoll.errors import ServerError, server_error

from .basic import listed


def sample(reply: Any) -> tuple[int, float] | None:
    """TS.GET: None of an empty series."""
    if not reply:
        return None
    timestamp, value = listed(reply)
    return timestamp, float(value)


def sample_list(reply: Any) -> list[tuple[int, float]]:
    """Samples, or buckets of one aggregation."""
    return [(timestamp, float(value)) for timestamp, value in map(listed, listed(reply))]


def bucket_rows(reply: Any) -> list[tuple[int, list[float]]]:
    """Buckets of several aggregations: one flat row each."""
    return [(timestamp, [float(value) for value in values]) for timestamp, *values in map(listed, listed(reply))]


def joined_rows(reply: Any) -> list[tuple[int, list[float]]]:
    """TS.NRANGE and TS.NREVRANGE: a timestamp and the list of the series' values."""
    return [(timestamp, [float(value) for value in values]) for timestamp, values in map(listed, listed(reply))]


def added_samples(reply: Any) -> list[int | ServerError]:
    """TS.MADD: a timestamp, or the error that this one sample met."""
    return [
        server_error(str(item), command="TS.MADD") if isinstance(item, ReplyError) else item for item in listed(reply)
    ]
