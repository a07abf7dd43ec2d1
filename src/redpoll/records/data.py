"""What commands on data answer where a tuple or a dict would not say enough: geo searches, common substrings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from redpoll.types import S


@dataclass(frozen=True, slots=True)
class GeoResult(Generic[S]):
    """One member that a geo search found.

    Attributes:
        member: the member.
        distance: its distance from the centre, in the search's unit; None without ``withdist``.
        hash: its 52-bit geohash as a number; None without ``withhash``.
        position: its longitude and latitude in degrees; None without ``withcoord``.
    """

    member: S
    distance: float | None = None
    hash: int | None = None
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LcsMatch:
    """One piece that two strings share.

    Attributes:
        first: its first and last byte in the first string, counted from 0, both inclusive.
        second: the same in the second string.
    """

    first: tuple[int, int]
    second: tuple[int, int]

    @property
    def length(self) -> int:
        """The piece's length in bytes."""
        return self.first[1] - self.first[0] + 1


@dataclass(frozen=True, slots=True)
class LcsMatches:
    """The pieces of the longest common subsequence, the last one first, as the server gives them.

    Attributes:
        length: the whole subsequence's length in bytes; short pieces that were filtered out count too.
        matches: the pieces.
        extra: what a newer server adds.
    """

    length: int
    matches: list[LcsMatch]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
