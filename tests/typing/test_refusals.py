"""Each check of the generated encoders refuses some call, before anything is sent, and says what of which command is wrong.

The calls are those of the generator's enumeration, which combines options that exclude or need each other, and the legal
ones among them with one argument of a wrong kind. Every ``raise`` that the generated modules hold must be met.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from codegen.calls import Given, enumerate_calls, spread
from codegen.ir import Method
from codegen.verify import Awaited, Batched, Recorded, lowered
from redpoll.errors import UsageError
from redpoll.protocol.encode import encode
from tests.typing.test_typing import COMMANDS

WRONG: tuple[Any, ...] = (
    *("NO-SUCH", "x", 5, None, iter(())),
    *([], {}, (), [()], [("a",)], ((),), [("a", "b")], {"a": ()}, ("x", "y"), ([], "y"), ([("a",)], "y")),
)
"""What no collection, mapping, tuple or token should be: each of these is wrong for some parameter."""

UNCHECKED: set[str] = set()
"""Methods whose handwritten encoders meet some wrong kinds of arguments with Python's own errors."""

UNREACHED = {
    f"raise _a.empty('{name}', 'weights')" for name in ("CMS.MERGE", "ZINTER", "ZINTERSTORE", "ZUNION", "ZUNIONSTORE")
}
"""Checks that no call meets: there must be as many weights as keys, which is checked first, and there are keys."""

RECORDER = Batched()

BASES = 25
"""Legal calls that are tried with each wrong argument, at most."""


@dataclass(frozen=True)
class Refusal:
    """A call that was refused.

    Attributes:
        method: the method.
        args: its positional arguments.
        keywords: its arguments by name.
        error: what was raised.
    """

    method: Method
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    error: UsageError


def raises() -> dict[tuple[str, int], str]:
    """Return every ``raise`` of the generated modules: its source by module and line."""
    found: dict[tuple[str, int], str] = {}
    for path in COMMANDS.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {(path.stem, node.lineno): ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    return found


def line(error: BaseException) -> tuple[str, int] | None:
    """Return where in the generated modules an error was raised, or the function called that raised it."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.parent == COMMANDS:
            found = path.stem, trace.tb_lineno
        trace = trace.tb_next
    return found


@dataclass
class Attempts:
    """Calls of one method after the other, and what came of them.

    Attributes:
        refused: the first call that each ``raise`` refused.
        broken: methods with a call that an error of Python's own ended.
    """

    refused: dict[tuple[str, int], Refusal] = field(default_factory=dict[tuple[str, int], Refusal])
    broken: set[str] = field(default_factory=set[str])

    def call(self, method: Method, *args: Any, **keywords: Any) -> Recorded:
        try:
            recorded: Recorded = getattr(RECORDER, method.name)(*args, **keywords)
        except UsageError as error:
            where = line(error)
            if where is not None:
                self.refused.setdefault(where, Refusal(method, args, keywords, error))
            raise
        return recorded

    def run(self, method: Method) -> None:
        """Make the legal calls of a method, those that contradict themselves, and the wrong ones."""
        legal = [given for given, _ in enumerate_calls(method, partial(self.call, method)).made]
        for given in _wrong(method, legal):
            args, keywords = spread(method.params, given)
            try:
                self.call(method, *args, **keywords)
            except UsageError:
                continue
            except Exception:
                self.broken.add(method.name)


@pytest.fixture(scope="module")
def attempts() -> Attempts:
    """Attempts at all methods."""
    found = Attempts()
    for method in lowered()[1]:
        found.run(method)
    return found


def _wrong(method: Method, legal: list[Given]) -> Iterator[Given]:
    """Yield legal calls with one argument that is wrong, or may be."""
    step = -(-len(legal) // BASES)
    for base in legal[::step]:
        for param in method.params:
            for value in WRONG:
                yield {**base, param.name: (value,) if param.kind == "var" else value}
            if param.kind == "var":
                yield {**base, param.name: ()}


def test_every_check_refuses_something(attempts: Attempts) -> None:
    every = raises()
    unmet = {every[where] for where in every.keys() - attempts.refused.keys()}
    print(f"{len(every)} checks, {len(unmet)} of them out of reach")
    assert len(every) > 400
    assert unmet == UNREACHED


def test_wrong_kinds_are_usage_errors(attempts: Attempts) -> None:
    assert attempts.broken == UNCHECKED


def test_each_refusal_names_command_and_parameter(attempts: Attempts) -> None:
    vague: list[str] = []
    for where, refusal in attempts.refused.items():
        text = str(refusal.error)
        names = "|".join(param.name.removesuffix("s") for param in refusal.method.params)
        named = re.search(rf"\b({names})s?\b", text)
        if refusal.error.command != refusal.method.command or named is None or "sample-" in text:
            vague.append(f"{where}: {refusal.error.command}: {text}")
        assert refusal.error.outcome == "not_run"
    assert not vague, "\n".join(vague)


def test_both_faces_refuse_before_anything_is_sent(attempts: Attempts) -> None:
    client = Awaited()
    for refusal in attempts.refused.values():
        coroutine = getattr(client, refusal.method.name)(*refusal.args, **refusal.keywords)
        with pytest.raises(UsageError) as raised:
            coroutine.send(None)  # what it would run comes back at once, as there is no connection
        assert str(raised.value) == str(refusal.error)


def _with_nan(value: Any) -> Any:
    """Return a value with NaN for each of its floats."""
    kind = value.__class__
    if kind is float:
        return math.nan
    if kind in (list, tuple):
        parts = [_with_nan(each) for each in value]
        return parts if kind is list else tuple(parts)
    return {key: _with_nan(each) for key, each in value.items()} if kind is dict else value


def _encoded(call: Callable[..., Recorded], args: list[Any], keywords: dict[str, Any]) -> bytes:
    recorded = call(*args, **keywords)
    return encode(recorded.spec.name, recorded.words)


def test_nan_is_refused_wherever_a_float_is_taken() -> None:
    tried: set[tuple[str, str]] = set()
    for method in lowered()[1]:
        call = getattr(RECORDER, method.name)
        if not any("float" in param.type or "Score" in param.type for param in method.params):
            continue
        for given, _ in enumerate_calls(method, call).made:
            for name, value in given.items():
                wrong = _with_nan(value)
                if repr(wrong) == repr(value) or (method.name, name) in tried:
                    continue
                tried.add((method.name, name))
                args, keywords = spread(method.params, {**given, name: wrong})
                with pytest.raises(UsageError) as raised:
                    _encoded(call, args, keywords)
                assert raised.value.command == method.command, (method.name, name)
                assert "NaN" in str(raised.value), (method.name, name)
    print(f"{len(tried)} parameters of {len({name for name, _ in tried})} methods")
    assert len(tried) > 60
