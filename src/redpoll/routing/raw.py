"""The facts of a raw command, given as words: what ``execute("CLIENT", "LIST")`` is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from redpoll.errors import UsageError
from redpoll.protocol.encode import plain
from redpoll.spec import Spec, token_of
from redpoll.types import Arg

DEDICATED: Final = "it changes the state of its connection, which all callers share; it needs a connection of its own"
"""Why a command is refused on the shared connection."""

_LONGEST: Final = 64  # characters of a name; longer ones are no commands
_DIGEST: Final = 16  # bytes
_DIGESTS: Final = frozenset(("IFDEQ", "IFDNE"))
_WITH_VALUE: Final = _DIGESTS | {"IFEQ", "IFNE", "EX", "PX", "EXAT", "PXAT"}  # the options of SET that a word follows


def classify(words: tuple[Arg, ...], table: Mapping[str, Spec[Any]]) -> tuple[Spec[Any], tuple[Arg, ...]]:
    """Return the facts of a raw command and its words.

    A name of two words may be given as one: ``"CLIENT LIST"``. Of a command that is not in the table nothing is taken
    for granted: it is never run twice.

    Args:
        words: the command, in any case, as str or bytes.
        table: the facts by upper-case name, subcommands as ``"CLIENT LIST"``.

    Raises:
        UsageError: there is no name, or a digest in SET would bring the connection out of step.
    """
    if not words:
        raise UsageError("a command needs at least its name")
    first = _token(words[0])
    parts = first.split()
    if not parts or len(first) > _LONGEST:
        raise UsageError("a command's name is str or bytes of 1 to 64 characters")
    if parts != [first]:
        words = (*parts, *words[1:])
        first = parts[0]
    if len(words) > 1 and 0 < len(second := _token(words[1])) <= _LONGEST:
        spec = table.get(f"{first} {second}")
        if spec is not None:
            return spec, words
    spec = table.get(first)
    if first == "SET":
        _check_digest(words)
    return (Spec(_printable(first)) if spec is None else spec), words


def _check_digest(words: tuple[Arg, ...]) -> None:
    """Refuse a digest that Redis 8.6 answers twice, beside GET, so that all later replies would shift."""
    at = 3
    while at < len(words) - 1:
        token = _token(words[at])
        if token in _DIGESTS:
            (digest,) = plain("SET", words[at + 1 : at + 2])
            size = len(digest if isinstance(digest, bytes) else str(digest).encode("utf-8", "surrogatepass"))
            if size != _DIGEST:
                message = f"{token} takes {_DIGEST} hexadecimal digits, as DIGEST gives them, not {size} bytes"
                raise UsageError(message, command="SET")
        at += 2 if token in _WITH_VALUE else 1


def _token(word: Any) -> str:
    while isinstance(word, enum.Enum):
        word = word.value
    return token_of(word)


def _printable(name: str) -> str:
    return name if name.isascii() and name.isprintable() else "(unprintable name)"
