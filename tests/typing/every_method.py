"""Calls of every generated method, as source that type checkers read: each overload, and each parameter in some call.

The calls are those that the generator's enumeration finds legal. What each must evaluate to is the annotation of the
overload that it fits, so neither face may lose a type on its way to the user, or find another overload.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from codegen.calls import Given, enumerate_calls, spread
from codegen.grammar import Sample
from codegen.ir import Method
from codegen.verify import Batched, lowered
from redpoll import values
from redpoll.commands import Commands, StateCommands
from redpoll.values import JSONPath
from tests.live.annotations import NAMES, Shape, shapes

LONGEST = 40
"""Statements of one function; pyright forgets types in very long ones."""

EXTRA: dict[tuple[str, int], str] = {
    ("config_set", 0): "{'hz': 10}",
    ("hset", 0): "'key', {'field': 'value'}",
    ("eval", 1): "'return 1', 1, 'key', 'argument'",
    ("evalsha", 1): "'sha', 1, 'key', 'argument'",
    ("evalsha_ro", 1): "'sha', 1, 'key', 'argument'",
    ("eval_ro", 1): "'return 1', 1, 'key', 'argument'",
    ("fcall", 1): "'function', 1, 'key', 'argument'",
    ("fcall_ro", 1): "'function', 1, 'key', 'argument'",
}
"""By method and overload: the arguments of calls in redis-py's form, which the enumeration does not make."""

IMPORTS: dict[str, str] = {
    **dict.fromkeys(("Any", "Literal", "assert_type"), "typing"),
    **dict.fromkeys(("Commands", "QueuedCommands", "QueuedStateCommands", "StateCommands"), "redpoll.commands"),
    "Queued": "redpoll.faces",
    "ServerError": "redpoll.errors",
    **{name: each.__module__ for name, each in vars(values).items() if isinstance(each, type)},
    **{name: each.__module__ for name, each in NAMES.items() if isinstance(each, type)},
}
"""By name: where the calls and promises have it from."""


@dataclass(frozen=True)
class Call:
    """One call and what it must evaluate to.

    Attributes:
        method: the method.
        source: the arguments.
        returns: the type, of a client of str.
    """

    method: Method
    source: str
    returns: str


def calls() -> Iterator[Call]:
    """Yield calls of every method: so many that each overload is met and each parameter given."""
    recorder = Batched()
    for method in lowered()[1]:
        known = shapes(getattr(Commands, method.name, None) or getattr(StateCommands, method.name))
        legal = enumerate_calls(method, getattr(recorder, method.name)).made
        missed = {shape.index for shape in known if not shape.fallback}
        for given, shape in _chosen(method, [given for given, _ in legal], known):
            args, keywords = spread(method.params, given)
            source = ", ".join([*map(_source, args), *(f"{name}={_source(word)}" for name, word in keywords.items())])
            yield Call(method, source, _text(shape.promise))
            missed.discard(shape.index)
        for index in missed:
            yield Call(method, EXTRA[method.name, index], _text(known[index].promise))


def _text(promise: str) -> str:
    """Return a promise as a client of str has it."""
    return re.sub(r"\bS\b", "str", promise)


def _chosen(method: Method, legal: Sequence[Given], known: Sequence[Shape]) -> Iterator[tuple[Given, Shape]]:
    """Yield calls that meet each overload and give each parameter in each type, with the overload that checkers find."""
    met: set[object] = set()
    for given in [legal[0], *legal[::-1]]:
        args, keywords = spread(method.params, given)
        shape = next((shape for shape in known if shape.takes(tuple(args), keywords)), None)
        here: set[object] = {shape, *given, *((name, type(value)) for name, value in given.items())}
        if shape is not None and not here <= met:
            met |= here
            yield given, shape
    ungiven = {param.name for param in method.params} - met
    assert not ungiven or (method.name, 1) in EXTRA, f"{method.command}: no legal call gives {ungiven}"


def _source(value: Any) -> str:
    kind = cast("type[object]", type(value))  # a plain isinstance would leave the elements' types unknown
    if issubclass(kind, Sample):
        return repr(str(value))
    if kind is JSONPath:
        return f"JSONPath({str(value)!r})"
    if kind is memoryview:
        return f"memoryview({bytes(value)!r})"
    if kind is dict:
        return "{" + ", ".join(f"{_source(key)}: {_source(each)}" for key, each in value.items()) + "}"
    if kind is list:
        return f"[{', '.join(map(_source, value))}]"
    if kind is tuple:
        return f"({''.join(f'{_source(each)}, ' for each in value)})"
    return value.__name__ if callable(value) else repr(value)


def write(folder: Path) -> list[Path]:
    """Write the calls of both faces into a folder; return the files."""
    every = list(calls())
    faces: list[tuple[str, str, str, Callable[[Call], str]]] = [
        ("awaited", "async def", "", lambda call: f"await c.{call.method.name}({call.source}), {call.returns}"),
        ("queued", "def", "Queued", lambda call: f"c.{call.method.name}({call.source}), Queued[{call.returns}]"),
    ]
    files: list[Path] = []
    for title, define, prefix, statement in faces:
        parts: list[str] = []
        for owner, dedicated in ((f"{prefix}Commands", False), (f"{prefix}StateCommands", True)):
            of = [call for call in every if call.method.facts.dedicated == dedicated]
            for start in range(0, len(of), LONGEST):
                body = "".join(f"    _ = assert_type({statement(call)})\n" for call in of[start : start + LONGEST])
                parts.append(f"{define} {owner.lower()}_{start}(c: {owner}[str]) -> None:\n{body}")
        used = set(re.findall(r"\w+", "".join(parts)))
        head = [f"import {module}\n" for module in ("builtins", "datetime") if module in used]
        head += [f"from {IMPORTS[name]} import {name}\n" for name in sorted(used & IMPORTS.keys())]
        files.append(folder / f"every_{title}.py")
        files[-1].write_text("\n\n".join(["# pyright: strict\n" + "".join(head), *parts]), encoding="utf-8")
    return files
