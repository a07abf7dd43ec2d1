"""Tables of calls: what is prepared, which method is called, and the value that every mode must give.

A case is written for a client of text. On a client of bytes the same call must give the same value with every ``S`` as
bytes, as the method's annotation says; server-made words (encodings, users, INFO …) stay ``str`` there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from redpoll import Redis
from redpoll.commands import Commands, StateCommands
from redpoll.commands.table import FACTS
from redpoll.testing import EmbeddedServer
from tests.live.annotations import Shape, as_text, misfit, shapes

Line = str | tuple[Any, ...]
Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Raises:
    """The expectation that the server refuses, with a message that matches."""

    pattern: str
    kind: type[Exception]


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        call: calls one method of the client it is given; a second parameter is what ``given`` answered.
        expected: the value, with text as ``str``; a callable is asked whether the value is right; or ``Raises``.
        setup: raw commands that prepare it, on an empty server.
        given: a raw command whose reply, text as bytes, the call needs.
        then: raw commands and their replies afterwards, to see what the call did.
        only: ``"valkey"`` or ``"redis8"``, where only that server has the option.
    """

    call: Call
    expected: Any
    setup: tuple[Line, ...]
    given: Line | None = None
    then: tuple[tuple[Line, Any], ...] = ()
    only: str | None = None


def case(
    call: Call,
    expected: Any,
    *setup: Line,
    given: Line | None = None,
    then: Mapping[Line, Any] | None = None,
    only: str | None = None,
) -> Case:
    """Return a case."""
    return Case(call, expected, setup, given, tuple((then or {}).items()), only)


def left(expected: Any) -> Callable[[Any], bool]:
    """Return whether times to live, in seconds, are as expected, or less by what a busy machine may take."""
    wanted = expected if isinstance(expected, list) else [expected]

    def near(seen: Any) -> bool:
        found = seen if isinstance(seen, list) else [seen]
        return len(found) == len(wanted) and all(
            value == want if want < 0 else want - 5 <= value <= want for value, want in zip(found, wanted, strict=True)
        )

    return near


def words(line: Line) -> tuple[Any, ...]:
    """Return the words of a raw command."""
    return tuple(line.split(" ")) if isinstance(line, str) else line


def method(name: str) -> Any:
    """Return a generated method, of the shared or of the dedicated kind."""
    return getattr(Commands, name, None) or getattr(StateCommands, name)


class Probe:
    """Stands in for a client and notes which method is called, with what."""

    def __init__(self) -> None:
        self.called: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **kwargs: self.called.append((name, args, kwargs))


class Anything:
    """Stands in for what ``given`` answers, where a call is only looked at."""

    def __getattr__(self, name: str) -> Any:
        return Anything()

    def __call__(self, *args: Any) -> Any:
        return Anything()

    def __getitem__(self, index: Any) -> Any:
        return Anything()


def called(each: Case) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return the one method that a case calls, and its arguments; nothing is sent."""
    probe = Probe()
    each.call(*((probe, Anything()) if takes_given(each.call) else (probe,)))
    (call,) = probe.called
    return call


def takes_given(call: Call) -> bool:
    return len(inspect.signature(call).parameters) == 2


def shapes_of(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Shape]:
    """Return the overloads that a call fits: the one it is for first, and a fallback for plain bools."""
    found = [shape for shape in shapes(method(name)) if shape.takes(args, kwargs)]
    assert found, f"no overload of {name} takes {args} {kwargs}"
    return found


class Checked:
    """A client whose every value is compared with its method's annotation, and given as text.

    Attributes:
        called: the methods that gave a value.
    """

    def __init__(self, client: Any, text: type, called: set[str] | None = None) -> None:
        self.client = client
        self.text = text
        self.called = set[str]() if called is None else called

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def checked(*args: Any, **kwargs: Any) -> Any:
            value = self.value(name, args, kwargs, await getattr(self.client, name)(*args, **kwargs))
            self.called.add(name)
            return value

        return checked

    def value(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Any:
        """Check a value against all overloads that take the call; return it as text."""
        found = shapes_of(name, args, kwargs)
        for shape in found:
            wrong = misfit(value, shape.returns, self.text)
            assert not wrong, f"{name} promises {shape.returns}: {wrong}"
        return value if self.text is str else as_text(value, found[0].returns)


class Table:
    """Runs tables of cases on one client."""

    def __init__(self, server: EmbeddedServer, client: Redis[Any], checked: Checked, has: set[str]) -> None:
        self.server = server
        self.client = client
        self.checked = checked
        self.has = has
        self.kind = "valkey" if "valkey" in server.binary.name else "redis8"

    def runs(self, each: Case) -> bool:
        """Tell whether this server has what a case calls."""
        return each.only in (None, self.kind) and command_of(called(each)[0]) in self.has

    async def run(self, cases: Sequence[Case], subtests: pytest.Subtests, *, queued: bool = False) -> None:
        """Run every case that this server has: on an empty database, then see the value and what it did.

        Args:
            cases: the table.
            subtests: reports each case.
            queued: run them through a pipeline instead.
        """
        for number, each in enumerate(cases):
            if self.runs(each):
                name, args, kwargs = called(each)
                with subtests.test(f"{number}: {name}{args!r}{kwargs or ''}"):
                    await self.one(each, queued)

    async def one(self, each: Case, queued: bool = False) -> None:
        """Run one case."""
        raw = self.client.binary
        setup = raw.pipeline()
        setup.raw("FLUSHALL")
        for line in each.setup:
            setup.raw(*words(line))
        await setup.execute()
        parts = () if each.given is None else (await raw.execute(*words(each.given)),)
        run = self._queued if queued else self._awaited
        if isinstance(each.expected, Raises):
            with pytest.raises(each.expected.kind, match=each.expected.pattern):
                await run(each, parts)
        else:
            value = await run(each, parts)
            if callable(each.expected):
                assert each.expected(value), f"not as expected: {value!r}"
            else:
                assert value == each.expected, f"{value!r} is not {each.expected!r}"
                assert type(value) is type(each.expected), f"{value!r} is {type(value).__name__}"
        for line, expected in each.then:
            seen = await self.client.text.execute(*words(line))
            if words(line)[0] in ("TTL", "HTTL"):
                assert left(expected)(seen), f"after it, {line} gives {seen!r}, not {expected!r}"
                continue
            assert seen == expected, f"after it, {line} gives {seen!r}, not {expected!r}"

    async def _awaited(self, each: Case, parts: tuple[Any, ...]) -> Any:
        return await each.call(self.checked, *parts)

    async def _queued(self, each: Case, parts: tuple[Any, ...]) -> Any:
        name, args, kwargs = called(each)
        pipeline = self.client.pipeline()
        queued: Any = each.call(pipeline, *parts)
        await pipeline.execute()
        return self.checked.value(name, args, kwargs, queued.result())


def command_of(name: str) -> str:
    """Return the command that a method sends, as the server names it: ``"client|list"``."""
    return COMMANDS[name].replace(" ", "|").lower()


COMMANDS = {re.sub(r"[^a-z0-9]+", "_", name.lower()): name for name in FACTS} | {"delete": "DEL"}
"""The commands by method."""
