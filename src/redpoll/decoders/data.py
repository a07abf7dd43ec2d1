"""Replies of strings, hashes, lists and of the scans over them."""

from __future__ import annotations

from typing import Any

from redpoll.types import Text

from .basic import as_map, listed


def key_value(reply: Any) -> tuple[Text, Text]:
    """BLPOP and BRPOP: the key that had something, and the element."""
    key, element = listed(reply)
    return key, element


def key_list(reply: Any) -> tuple[Text, list[Text]]:
    """LMPOP and BLMPOP: the key that had something, and the elements."""
    key, elements = listed(reply)
    return key, listed(elements)


def scan(reply: Any) -> tuple[int, list[Text]]:
    """One step of a scan over keys, members or fields: the cursor to go on from (0 at the end), and what was found."""
    cursor, found = listed(reply)
    return int(cursor), listed(found)


def hscan(reply: Any) -> tuple[int, dict[Text, Text]]:
    """One step of HSCAN: the cursor to go on from (0 at the end), and fields with values."""
    cursor, found = listed(reply)
    return int(cursor), as_map(found)


def text_scan(reply: Any) -> tuple[Text, list[Text]]:
    """One step of CLUSTERSCAN, whose cursor is not a number: ``"0"`` starts it and ends it."""
    cursor, found = listed(reply)
    return cursor, listed(found)
