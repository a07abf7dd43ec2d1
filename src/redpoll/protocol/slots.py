"""The cluster's slots: which of the 16,384 a key belongs to."""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

from redpoll.types import Key

SLOTS: Final = 16384


def slot(key: Key) -> int:
    """Return the slot of a key, 0 to 16383.

    Where the key has a hash tag, a ``{`` with something before the next ``}``, only what stands between counts. The
    slot is the remainder of CRC16 (polynomial 0x1021, initial value 0), as the cluster specification has it.
    """
    raw = key.encode() if isinstance(key, str) else bytes(key)
    start = raw.find(b"{")
    if start >= 0:
        end = raw.find(b"}", start + 1)
        if end > start + 1:
            raw = raw[start + 1 : end]
    return crc_hqx(raw, 0) % SLOTS
