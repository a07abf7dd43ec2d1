"""How long a blocking command blocks, and how a block without end is asked for in slices. Decisions only, no I/O.

A server that has died says nothing to a command that may wait for ever, just as a living one does. So a block without
end is asked for as a row of finite ones. Between two slices nothing may be missed: a list or a sorted set keeps what
comes meanwhile, a consumer group too. XREAD does not where it says ``$``, "from now on": that is made an id first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from redpoll.errors import Unblocked
from redpoll.spec import Spec, token_of
from redpoll.types import Arg

SLICE: Final = 10.0
"""Seconds of one slice."""

GRACE: Final = 10.0
"""Seconds that a server may take on top of a slice where the caller sets no limit."""

_SLICED: Final = frozenset(("XREAD", "XREADGROUP"))
_EARLY: Final = 0.9  # an empty reply before this part of the slice has passed did not come from its end
_LONGEST: Final = 1e9  # seconds from which on a block is no number that a timer takes


def block_seconds(spec: Spec[Any], words: Sequence[Arg]) -> float | None:
    """Return how long a call may block: ``inf`` for ever, None where it is not known or no number a server takes."""
    block = None if spec.blocking is None else spec.blocking.seconds(words)
    if block is None or not 0 <= block < _LONGEST:
        return None
    if block > 0:
        return block
    return math.inf if spec.blocking is not None and _is_zero(spec.blocking.word(words)) else None


def in_slices(spec: Spec[Any]) -> bool:
    """Return whether an empty reply of this command means that its block time has passed, and nothing else."""
    return not spec.dedicated and (spec.name in _SLICED or spec.name.startswith("B"))


def slice_passed(reply: Any, seconds: float) -> bool:
    """Return whether a reply that came after so many seconds is the end of a slice.

    An empty reply that comes early is CLIENT UNBLOCK's, which lets the command end as if its time were up.
    """
    return reply is None and seconds >= SLICE * _EARLY


def from_now_on(spec: Spec[Any], words: Sequence[Arg]) -> list[int]:
    """Return where among the words of an XREAD ``$`` stands for a stream's last id."""
    return _ids(words, "$", spec) if spec.name == "XREAD" else []


def key_of(spec: Spec[Any], words: Sequence[Arg], at: int) -> Arg:
    """Return the key that the id at an index belongs to."""
    keys = list(spec.key_positions(words))
    return words[at - len(keys)]


def _last_id(entries: Any) -> bytes:
    """Return the id of a stream's last entry, as ``$`` means it."""
    found = entries[0][0] if entries else b"0-0"
    if not isinstance(found, bytes):
        raise TypeError
    return found


LAST: Final[Spec[bytes]] = Spec("XREVRANGE", _last_id, replay=True, text=False)
"""Asks for the id of a stream's last entry."""


def replaced(words: Sequence[Arg], at: int, word: Arg) -> tuple[Arg, ...]:
    """Return the words with another one at an index."""
    return (*words[:at], word, *words[at + 1 :])


def after_a_slice(spec: Spec[Any], words: tuple[Arg, ...]) -> tuple[Arg, ...]:
    """Return the words for the next slice. ``+``, a stream's last entry, had none: the first to come is meant."""
    if spec.name == "XREAD":
        for at in _ids(words, "+", spec):
            words = replaced(words, at, "0-0")
    return words


def by_role_change(error: Unblocked) -> bool:
    """Return whether a command was unblocked as its server's role changed, and not by CLIENT UNBLOCK."""
    return "instance state changed" in error.message


def _ids(words: Sequence[Arg], token: str, spec: Spec[Any]) -> list[int]:
    keys = list(spec.key_positions(words))
    return [at + len(keys) for at in keys if token_of(words[at + len(keys)]) == token]


def _is_zero(word: Arg | None) -> bool:
    try:
        return float(word) == 0  # type: ignore[arg-type]  # a word that is no number raises, below
    except (TypeError, ValueError):
        return False
