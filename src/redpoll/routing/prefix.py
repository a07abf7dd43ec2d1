"""The prefix of all keys of a client or a view: put on what is sent, taken off what comes back.

Where keys and patterns of keys stand among a command's words, and in its reply, are generated facts of its ``Spec``. What
is no key keeps its name: channels, a script's arguments, and keys that a script or module names itself.
"""

from __future__ import annotations

import contextlib
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from redpoll.errors import UsageError
from redpoll.spec import KeyReplies, Spec, token_of
from redpoll.types import Arg

_REFUSED: Final = {
    "CLUSTER KEYSLOT": "it would tell the slot of the bare name; ask a view with prefix=None for the whole one",
    "MIGRATE": "the other server would get the keys under their full names",
    "RANDOMKEY": "it picks among all keys of the database",
}
_SEARCH: Final = ("FT.", "_FT.")
_SPECIAL: Final = re.compile(rb"[\\*?\[\]^-]")
_SORT_ARGUMENTS: Final = {"BY": 1, "GET": 1, "STORE": 1, "LIMIT": 2}


class Prefix:
    """What stands before the name of every key.

    Attributes:
        raw: its bytes.
    """

    __slots__ = ("_pattern", "_text", "raw")

    def __init__(self, prefix: str | bytes) -> None:
        """Begin.

        Args:
            prefix: not empty; text is sent as UTF-8.
        """
        self.raw: bytes = prefix.encode() if isinstance(prefix, str) else prefix
        self._text: str = prefix if isinstance(prefix, str) else prefix.decode("utf-8", "surrogateescape")
        self._pattern: bytes = _SPECIAL.sub(rb"\\\g<0>", self.raw)

    # What is sent.

    def put_on(self, spec: Spec[Any], words: tuple[Arg, ...]) -> tuple[Arg, ...]:
        """Return a command's words with the prefix before each key.

        Raises:
            UsageError: the command would reach keys that have not the prefix, or its keys cannot be told.
        """
        if (reason := _REFUSED.get(spec.name)) is not None:
            raise UsageError(f"it does not go with a key prefix: {reason}", command=spec.name)
        if spec.name.startswith(_SEARCH):
            raise UsageError("it does not go with a key prefix: an index names keys by itself", command=spec.name)
        changed: list[Arg] | None = None
        for at in spec.key_positions(words):
            changed = changed or list(words)
            changed[at] = self._before(spec, words[at])
        if spec.key_patterns is not None:
            changed = self._patterns(spec, changed or list(words))
        return words if changed is None else tuple(changed)

    def _before(self, spec: Spec[Any], key: Arg) -> Arg:
        if isinstance(key, str) and key.isascii() and self._text.isascii():
            return self._text + key
        return self.raw + _bytes(spec, key)

    def _patterns(self, spec: Spec[Any], words: list[Arg]) -> list[Arg]:
        if spec.key_patterns == "sort":
            for at in _sort_patterns(spec, words):
                if b"*" in self.raw:
                    raise UsageError(
                        "a key prefix with * cannot stand in the patterns of BY and GET", command=spec.name
                    )
                words[at] = self._before(spec, words[at])
            return words
        places = [1] if spec.key_patterns == "word" else _match_patterns(words)
        for at in places:
            if at < len(words):
                words[at] = self._pattern + _bytes(spec, words[at])
        if not places:
            words += ("MATCH", self._pattern + b"*")
        return words

    # What comes back.

    def take_off(self, spec: Spec[Any], reply: Any) -> Any:
        """Return a command's raw reply without the prefix before its keys."""
        rule = spec.key_replies
        if rule is None or not reply:
            return reply
        try:
            return self._stripped(rule, reply)
        except (TypeError, ValueError, LookupError, AttributeError):
            return reply  # of another shape than the command's, as will be found when it is decoded

    def _stripped(self, rule: KeyReplies, reply: Any) -> Any:
        if rule == "each":
            return [self._without(key) for key in reply]
        if rule == "first":
            return [self._without(reply[0]), *reply[1:]]
        if rule == "scan":
            return [reply[0], [self._without(key) for key in reply[1]]]
        if rule == "series":
            return self._series(reply)
        return self._named(reply)

    def _series(self, reply: Any) -> Any:
        facts: Any = reply
        pairs: Any = facts.items() if isinstance(reply, Mapping) else zip(facts[::2], facts[1::2], strict=True)
        given: list[tuple[Any, Any]] = [(name, self._fact(token_of(name), value)) for name, value in pairs]
        return dict(given) if isinstance(reply, Mapping) else [part for pair in given for part in pair]

    def _fact(self, name: str, value: Any) -> Any:
        if name == "RULES":
            return self._named(value)
        return self._without(value) if name in ("SOURCEKEY", "KEYSELFNAME") else value

    def _named(self, reply: Any) -> Any:
        pairs: Any = reply
        if isinstance(reply, Mapping):  # RESP3
            return {self._without(key): self._sourced(value) for key, value in pairs.items()}
        return [[self._without(entry[0]), *entry[1:]] for entry in reply]

    def _sourced(self, value: Any) -> Any:
        """Return a group of time series, which names the series that it was made of; anything else as it is."""
        parts: Any = value
        for part in parts if isinstance(value, list) else ():
            for name in ("sources", b"sources"):
                if part.__class__ is dict and name in part:
                    part[name] = [self._without(each) for each in part[name]]
        return parts

    def _without(self, key: Any) -> Any:
        if isinstance(key, str):
            return key.removeprefix(self._text)
        return key.removeprefix(self.raw) if isinstance(key, bytes) else key


def prefix_of(checked: str | bytes | None) -> Prefix | None:
    """Return the prefix that an option names; None where it names none."""
    return Prefix(checked) if checked else None


def is_known(spec: Spec[Any], table: Mapping[str, Spec[Any]]) -> bool:
    """Tell whether a raw command's facts come from the table; of others nobody knows where their keys stand."""
    return table.get(spec.name) is spec


UNKNOWN: Final = "where its keys stand is not known, so it does not go with a key prefix"
"""Why a command that is in no table is refused."""


def _bytes(spec: Spec[Any], word: Any) -> bytes:
    while isinstance(word, enum.Enum):
        word = word.value
    if isinstance(word, bytes | bytearray | memoryview):
        return bytes(cast("bytes", word))
    if isinstance(word, int | float) and not isinstance(word, bool):
        return repr(word).encode()
    if isinstance(word, str):
        with contextlib.suppress(UnicodeEncodeError):
            return word.encode()
        raise UsageError("a key is text with a lone surrogate, which UTF-8 cannot encode", command=spec.name)
    raise UsageError(f"a key is str or bytes, not {type(word).__name__}", command=spec.name)


def _match_patterns(words: Sequence[Arg]) -> list[int]:
    """Return where SCAN's patterns stand: its options come in pairs behind the cursor."""
    return [at + 1 for at in range(2, len(words), 2) if token_of(words[at]) == "MATCH"]


def _sort_patterns(spec: Spec[Any], words: Sequence[Arg]) -> Iterator[int]:
    """Yield where SORT's patterns stand; GET's ``#`` is the element itself, and a BY without ``*`` sorts by nothing."""
    at = 2
    while at < len(words):
        token = token_of(words[at])
        if token in ("BY", "GET") and at + 1 < len(words):
            pattern = _bytes(spec, words[at + 1])
            if b"*" in pattern or (token == "GET" and pattern != b"#"):
                yield at + 1
        at += 1 + _SORT_ARGUMENTS.get(token, 0)
