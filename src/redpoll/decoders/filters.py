"""Replies of filters that are no records."""

from __future__ import annotations

from typing import Any

from .basic import flag, listed


def added_items(reply: Any) -> list[bool | None]:
    """Whether each item was added: False where it seems to be there already, None where the filter is full.

    A full Bloom filter answers with an error or a word in the item's place, and not for items behind it; a full cuckoo
    filter with -1.
    """
    return [flag(item) if isinstance(item, int) and item >= 0 else None for item in listed(reply)]


def one_field(reply: Any) -> int | None:
    """BF.INFO with a field: its value, in a list of one (RESP2) or beside its name (RESP3)."""
    kind = reply.__class__
    (value,) = reply.values() if kind is dict else listed(reply)
    number: int | None = value
    return number


def dumped_chunk(reply: Any) -> tuple[int, bytes]:
    """BF.SCANDUMP and CF.SCANDUMP, read as bytes: the next iterator, 0 at the end, and a chunk, empty at the end."""
    iterator, data = listed(reply)
    return iterator, b"" if data is None else data
