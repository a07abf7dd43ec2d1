from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from redpoll.events import Call, CommandFinished, CommandStarted, Facts
from redpoll.options import Address, Settings
from redpoll.routing.hooks import Hooks, hooks_of
from redpoll.spec import Spec

GET: Spec[Any] = Spec("GET")


class Recorder:
    def __init__(self) -> None:
        self.events: list[CommandStarted | CommandFinished] = []

    def started(self, event: CommandStarted, /) -> None:
        self.events.append(event)

    def finished(self, event: CommandFinished, /) -> None:
        self.events.append(event)


class Broken:
    def started(self, event: CommandStarted, /) -> None:
        raise RuntimeError("the exporter is down")

    def finished(self, event: CommandFinished, /) -> None:
        raise RuntimeError("the exporter is down")


async def answer(spec: Facts, words: Any) -> Any:
    return (spec.name, words)


async def fail(spec: Facts, words: Any) -> Any:
    raise ValueError("no")


def test_none_where_there_is_none() -> None:
    assert hooks_of(Settings()) is None
    assert hooks_of(Settings(observer=Recorder())) is not None


async def test_start_and_end() -> None:
    recorder = Recorder()
    hooks = Hooks(Settings(Address("h", 1), db=2, observer=recorder))
    assert await hooks.call(GET, ("GET", "k"), answer) == ("GET", ("GET", "k"))
    started, finished = recorder.events
    assert started == CommandStarted("GET", "h:1", 2)
    assert isinstance(finished, CommandFinished)
    assert finished.started is started
    assert finished.error is None
    assert finished.seconds >= 0


async def test_errors_and_cancellation_are_told() -> None:
    recorder = Recorder()
    hooks = Hooks(Settings(observer=recorder))
    with pytest.raises(ValueError, match="no"):
        await hooks.call(GET, ("GET",), fail)

    async def forever(spec: Facts, words: Any) -> Any:
        await asyncio.Event().wait()

    running = asyncio.create_task(hooks.call(GET, ("GET",), forever))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    kinds = [type(event.error) for event in recorder.events if isinstance(event, CommandFinished)]
    assert kinds == [ValueError, asyncio.CancelledError]


async def test_a_broken_observer_does_not_touch_the_command(caplog: pytest.LogCaptureFixture) -> None:
    hooks = Hooks(Settings(observer=Broken()))
    with caplog.at_level(logging.ERROR, "redpoll"):
        assert await hooks.call(GET, ("GET", "canary"), answer)
    assert len(caplog.records) == 2
    assert "canary" not in caplog.text


async def test_middleware_in_its_order() -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        def wrap(call: Call) -> Call:
            async def wrapped(spec: Facts, words: Any) -> Any:
                seen.append(f"{name} in")
                result = await call(spec, (*words, name))
                seen.append(f"{name} out")
                return result

            return wrapped

        return wrap

    hooks = Hooks(Settings(middleware=(named("a"), named("b"))))
    assert await hooks.call(GET, ("GET",), answer) == ("GET", ("GET", "a", "b"))
    assert seen == ["a in", "b in", "b out", "a out"]


async def test_a_batch_is_one_event() -> None:
    recorder = Recorder()
    hooks = Hooks(Settings(observer=recorder))
    error = ValueError("the first command's")

    async def run() -> None:
        pass

    await hooks.batch("PIPELINE", 3, run, lambda: error)
    started, finished = recorder.events
    assert isinstance(started, CommandStarted)
    assert (started.name, started.batch) == ("PIPELINE", 3)
    assert isinstance(finished, CommandFinished)
    assert finished.error is error
