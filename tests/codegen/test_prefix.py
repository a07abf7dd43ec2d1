"""The key prefix, put on every legal call of every method: all keys get it, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.calls import KeySample, enumerate_calls
from codegen.spec import Argument
from codegen.verify import Awaited, Batched, _both, lowered
from redpoll.errors import UsageError
from redpoll.routing.prefix import Prefix
from redpoll.types import Arg

RAW = b"p*:"
MEMBERS = "of fields, members or elements"
NO_KEYS = {
    "COMMAND LIST": "of commands",
    "HSCAN": MEMBERS,
    "PSUBSCRIBE": "of channels",
    "PUBSUB CHANNELS": "of channels",
    "PUBSUB SHARDCHANNELS": "of channels",
    "PUNSUBSCRIBE": "of channels",
    "SENTINEL RESET": "of services",
    "SSCAN": MEMBERS,
    "ZSCAN": MEMBERS,
}
"""Patterns that are none of keys."""


def _patterns(arguments: tuple[Argument, ...]) -> Iterator[Argument]:
    for argument in arguments:
        if argument.type == "pattern":
            yield argument
        yield from _patterns(argument.arguments)


def _changed(before: tuple[Arg, ...], after: tuple[Arg, ...]) -> list[int]:
    return [at for at, word in enumerate(after) if at >= len(before) or word is not before[at]]


def test_every_key_of_every_call_gets_it() -> None:
    prefix = Prefix(RAW)
    plain = Prefix("p:")  # without *, which SORT cannot take
    refused: set[str] = set()
    wrong: list[tuple[Arg, ...]] = []
    made = 0
    for method in lowered()[1]:
        for _, (recorded, _) in enumerate_calls(method, _both(method, Awaited(), Batched())).made:
            spec, words = recorded.spec, recorded.words
            used = plain if spec.key_patterns == "sort" else prefix
            try:
                after = used.put_on(spec, words)
            except UsageError as error:
                wrong += [words] if error.command != spec.name else []
                refused.add(spec.name)
                continue
            made += 1
            keys = [at for at, word in enumerate(words) if isinstance(word, KeySample)]
            changed = _changed(words, after)
            extra = [at for at in changed if at not in keys]
            if any(at not in changed for at in keys) or (extra and spec.key_patterns is None):
                wrong.append(after)
            if not all(after[at] == "p*:" + str(words[at]) or after[at] == "p:" + str(words[at]) for at in keys):
                wrong.append(after)
    assert not wrong
    assert made > 10_000
    assert {"MIGRATE", "RANDOMKEY", "FT.SEARCH", "FT.CREATE"} <= refused
    assert {name for name in refused if not name.startswith("FT.")} == {"CLUSTER KEYSLOT", "MIGRATE", "RANDOMKEY"}


def test_every_pattern_is_judged() -> None:
    commands, methods = lowered()
    rules = {method.command for method in methods if method.facts.key_patterns is not None}
    having = {name for name, command in commands.items() if any(_patterns(command.arguments))}
    having = {name for name in having if not name.startswith(("FT.", "_FT."))}
    assert having - rules == NO_KEYS.keys()
    assert rules <= having
