"""Which version brought what: each command, and each word of its tokens. Of this the table ``redpoll.commands.since`` is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from .grammar import tokens
from .spec import PROVIDERS, Argument, Command

PART_OF_THE_SERVER: Final = frozenset({"vectorset"})
"""Modules that are built in, so that the server's version says which of their commands it has."""


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers.

    Raises:
        ValueError: it has other parts.
    """
    return tuple(map(int, version.split(".")))


def dated(nodes: Iterable[Argument], providers: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each word of each token of a tree, and the version that brought it by provider.

    Args:
        nodes: the tree.
        providers: what has the tree as a whole, since when: none of its nodes is older.
    """
    for node in nodes:
        own = dict(node.providers) or {name: node.since or since for name, since in providers.items()}
        told = {name: max(own[name], since, key=numbers) for name, since in providers.items() if name in own}
        for word in tokens((replace(node, arguments=()),)):
            yield word, told
        yield from dated(node.arguments, told)


Row: TypeAlias = tuple[str, str, str, str, dict[str, tuple[str, str]]]
"""What ``SINCE`` says of a command; see the template."""


def rows(commands: Mapping[str, Command]) -> dict[str, Row]:
    """Return the table's rows by command."""
    return {name: _row(command) for name, command in commands.items()}


def _row(command: Command) -> Row:
    found: dict[str, dict[str, str]] = {}
    for word, told in dated(command.arguments, command.providers):
        before = found.setdefault(word.upper(), {})  # a word may stand in several places
        for name, since in told.items():
            before[name] = min(before.get(name, since), since, key=numbers)
    words = " ".join(word for word, told in found.items() if told == command.providers)
    newer = {word: _versions(told) for word, told in found.items() if told != command.providers}
    module = "" if command.module in PART_OF_THE_SERVER else command.module or ""
    return (*_versions(command.providers), module, words, newer)


def _versions(providers: Mapping[str, str]) -> tuple[str, str]:
    redis, valkey = (providers.get(name, "") for name in PROVIDERS)
    return redis, valkey
