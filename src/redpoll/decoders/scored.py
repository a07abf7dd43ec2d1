"""Replies of sorted sets and geo indexes: members with scores, ranks, positions."""

from __future__ import annotations

from typing import Any

from redpoll.types import Text

from .basic import listed


def scored(reply: Any) -> list[tuple[Text, float]]:
    """Members with scores: nested in RESP3, flat in RESP2."""
    members = listed(reply)
    if members and isinstance(members[0], list):
        return [(member, float(score)) for member, score in members]
    flat = iter(members)
    return [(member, float(score)) for member, score in zip(flat, flat, strict=True)]


def popped_one(reply: Any) -> tuple[Text, float] | None:
    """ZPOPMIN and ZPOPMAX without a count: one flat pair on both protocols, empty where there was nothing."""
    if not reply:
        return None
    member, score = listed(reply)
    return member, float(score)


def rank_score(reply: Any) -> tuple[int, float]:
    """ZRANK and ZREVRANK with the score."""
    rank, score = listed(reply)
    return rank, float(score)


def key_member_score(reply: Any) -> tuple[Text, Text, float]:
    """BZPOPMIN and BZPOPMAX: the key that had something, the member, its score."""
    key, member, score = listed(reply)
    return key, member, float(score)


def key_scored(reply: Any) -> tuple[Text, list[tuple[Text, float]]]:
    """ZMPOP and BZMPOP: the key that had something, and the members with scores."""
    key, members = listed(reply)
    return key, scored(members)


def zscan(reply: Any) -> tuple[int, list[tuple[Text, float]]]:
    """One step of ZSCAN: the cursor to go on from (0 at the end), and members with scores."""
    cursor, members = listed(reply)
    return int(cursor), scored(members)


def position(reply: Any) -> tuple[float, float]:
    """A longitude and a latitude, in degrees."""
    longitude, latitude = listed(reply)
    return float(longitude), float(latitude)


def geo_positions(reply: Any) -> list[tuple[float, float] | None]:
    """GEOPOS: one position a member, None where it does not exist."""
    return [None if item is None else (float(item[0]), float(item[1])) for item in listed(reply)]
