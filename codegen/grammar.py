"""Whether words follow a command's argument tree: a parser of its own, straight from the spec.

It shares nothing with the stages that generate encoders, so that it can prove them wrong. From each position it follows
every way through the tree and keeps the set of positions that can be reached, which is what backtracking would find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .spec import Argument, Command

COUNTS: Final = frozenset(
    {"count", "nargs", "nproperties", "numfields", "numids", "numkeys", "numranges", "numvertices"}
)
"""How upstream calls the number of repetitions of the node behind it (without dashes and underscores, lower case)."""


class Sample(str):
    """A text that is surely a value, even where it is spelled like a token."""

    __slots__ = ()


def accepts(command: Command, words: Sequence[object], loose: frozenset[str] = frozenset()) -> bool:
    """Tell whether the words, the command's name among them, follow the command's argument tree.

    A plain ``str`` that is spelled like one of the tree's tokens, in either case as servers read them, is that token
    and no value; a ``Sample`` is a value.

    Args:
        command: the command.
        words: what would be sent.
        loose: names of leaves that take a value of any type; of strings, which do anyway, those that may be spelled like
            a token.
    """
    head = command.name.split(" ")
    if [token_of(word) for word in words[: len(head)]] != head:
        return False
    rest = words[len(head) :]
    return len(rest) in _Parser(rest, frozenset(map(str.upper, tokens(command.arguments))), loose).sequence(
        command.arguments, 0
    )


def tokens(nodes: Sequence[Argument]) -> Iterator[str]:
    """Yield each word of each token of a tree."""
    for node in nodes:
        if node.token is not None:
            yield from _parts(node.token)
        yield from tokens(node.arguments)


def token_of(word: object) -> str | None:
    """Return a word as a token; None where it is none."""
    return word if type(word) is str else None


def counts(node: Argument, following: Argument | None) -> bool:
    """Tell whether a node says how often the next one is repeated."""
    name = node.name.lower().replace("-", "").replace("_", "")
    plain = node.type == "integer" and not node.optional and not node.multiple
    return plain and following is not None and following.multiple and name in COUNTS


def _parts(token: str) -> list[str]:
    return token.split(" ")  # an empty token is one empty word


class _Parser:
    def __init__(self, words: Sequence[object], known: frozenset[str], loose: frozenset[str]) -> None:
        self.words = words
        self.known = known
        self.loose = loose

    def sequence(self, nodes: Sequence[Argument], start: int) -> set[int]:
        """Return where sibling nodes, one after the other, can end."""
        at = {start}
        index = 0
        while index < len(nodes) and at:
            node = nodes[index]
            following = nodes[index + 1] if index + 1 < len(nodes) else None
            if following is not None and counts(node, following):
                at = {end for place in at for end in self._counted(node, following, place)}
                index += 2
            else:
                at = {end for place in at for end in self._node(node, place)}
                index += 1
        return at

    def _node(self, node: Argument, start: int) -> set[int]:
        ends: set[int] = {start} if node.optional else set()
        begin = self._lead(node, start)
        if begin is None:
            return ends
        fresh = {begin}
        found: set[int] = set()
        while fresh:
            fresh = {end for place in fresh for end in self._once(node, place)} - found
            found |= fresh
            if not node.multiple:
                break
        return ends | found

    def _counted(self, node: Argument, following: Argument, start: int) -> set[int]:
        begin = self._lead(node, start)
        if begin is None or begin >= len(self.words):
            return set()
        number = self.words[begin]
        if not isinstance(number, int) or isinstance(number, bool) or number < (0 if following.optional else 1):
            return set()
        if number == 0:
            return {begin + 1}
        first = self._lead(following, begin + 1)
        at: set[int] = set() if first is None else {first}
        for _ in range(number):
            at = {end for place in at for end in self._once(following, place)}
        return at

    def _lead(self, node: Argument, start: int) -> int | None:
        """Return the place behind the token that precedes all repetitions; None where it is missing."""
        if node.token is None or node.multiple_token or node.type == "pure-token":
            return start
        return self._token(node.token, start)

    def _once(self, node: Argument, start: int) -> set[int]:
        """Return where one repetition can end."""
        begin: int | None = start
        if node.token is not None and (node.multiple_token or node.type == "pure-token"):
            begin = self._token(node.token, start)
        if begin is None:
            return set()
        if node.type == "pure-token":
            return {begin}
        if node.type == "oneof":
            return {end for child in node.arguments for end in self._node(child, begin)}
        if node.type == "block":
            return self.sequence(node.arguments, begin)
        return {begin + 1} if begin < len(self.words) and self._fits(node, self.words[begin]) else set()

    def _token(self, token: str, start: int) -> int | None:
        parts = _parts(token)
        found = [token_of(word) for word in self.words[start : start + len(parts)]]
        same = [word is not None and word.upper() == part.upper() for word, part in zip(found, parts, strict=False)]
        return start + len(parts) if len(same) == len(parts) and all(same) else None

    def _fits(self, node: Argument, word: object) -> bool:
        token = token_of(word)
        if token is not None and token.upper() in self.known:
            return node.name in self.loose and node.type == "string"
        if node.name in self.loose:
            return True
        if node.type in ("integer", "unix-time"):
            return _number(word, r"[-+]?\d+", int)
        if node.type == "double":
            return _number(word, r"[-+]?(inf|\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?)", (int, float))
        if node.type in ("key", "pattern"):
            return isinstance(word, str | bytes | bytearray | memoryview)
        return word is not None and not isinstance(word, bool)


def _number(word: object, spelling: str, types: type | tuple[type, ...]) -> bool:
    if isinstance(word, bool):
        return False
    text = word.decode("latin-1") if isinstance(word, bytes | bytearray) else word
    return isinstance(word, types) or (isinstance(text, str) and bool(re.fullmatch(spelling, text, re.IGNORECASE)))
