"""Typed values for commands that take a small language of their own: one class a kind of operation.

They are plain data. Whether they can be right is checked by the method that they are passed to, before anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from .errors import UsageError
from .types import Value

Overflow: TypeAlias = Literal["WRAP", "SAT", "FAIL"]
"""What a bit field does with a result that does not fit: wrap around, stop at the limit, or change nothing."""


@dataclass(frozen=True, slots=True)
class BitGet:
    """Read one integer of a bit field.

    Attributes:
        encoding: ``"u8"`` for 8 bits without a sign (1 to 63), ``"i16"`` for 16 bits with one (1 to 64).
        offset: the first bit; ``"#2"`` is two integers of this size behind the start.
    """

    encoding: str
    offset: int | str


@dataclass(frozen=True, slots=True)
class BitSet:
    """Write one integer of a bit field; its result is the old one, or None where ``overflow`` forbids.

    Attributes:
        encoding: as in ``BitGet``.
        offset: as in ``BitGet``.
        value: what is written.
        overflow: what happens to a value that does not fit; of this operation only.
    """

    encoding: str
    offset: int | str
    value: int
    overflow: Overflow = "WRAP"


@dataclass(frozen=True, slots=True)
class BitIncrBy:
    """Add to one integer of a bit field; its result is the new one, or None where ``overflow`` forbids.

    Attributes:
        encoding: as in ``BitGet``.
        offset: as in ``BitGet``.
        increment: what is added; below 0 it is taken away.
        overflow: what happens to a sum that does not fit; of this operation only.
    """

    encoding: str
    offset: int | str
    increment: int
    overflow: Overflow = "WRAP"


@dataclass(frozen=True, slots=True)
class GrepExact:
    """The elements that equal a text."""

    text: Value


@dataclass(frozen=True, slots=True)
class GrepMatch:
    """The elements that contain a text."""

    text: Value


@dataclass(frozen=True, slots=True)
class GrepGlob:
    """The elements that a glob-style pattern matches."""

    pattern: Value


@dataclass(frozen=True, slots=True)
class GrepRe:
    """The elements that a regular expression matches."""

    pattern: Value


@dataclass(frozen=True, slots=True)
class RawJSON:
    """JSON text that is sent as it is, where a method would turn a value into JSON."""

    text: str | bytes


_JSONPATH: Final = re.compile(r"\$(?![^.\[])")


class JSONPath(str):
    """A path that begins with ``$``: it may match several values, so the JSON methods answer it with lists.

    Any text will do as a path; only, what a plain ``str`` holds is not known before the program runs, and so the type of
    the answer is not either. Each path that does not begin with ``$``, ``$.`` or ``$[`` is a legacy path: it stands for
    the first value that it matches.
    """

    __slots__ = ()

    def __new__(cls, path: str) -> Self:
        """Return the path.

        Raises:
            UsageError: it is a legacy path.
        """
        if not is_jsonpath(path):
            raise UsageError("a JSONPath is $, or begins with $. or $[")
        return super().__new__(cls, path)


def is_jsonpath(path: str) -> bool:
    """Tell whether a path is a JSONPath, and not a legacy path."""
    return _JSONPATH.match(path) is not None
