from __future__ import annotations

from typing import Any

import pytest
from hiredis import ReplyError

from redpoll.errors import (
    DecodeFailed,
    OutcomeUnknown,
    ProtocolViolation,
    RedisError,
    ServerError,
    UsageError,
    WrongType,
)
from redpoll.faces import Queued
from redpoll.queued import Command
from redpoll.spec import Spec


def command(decode: Any = None) -> Command[Any]:
    return Command(Spec("GET", decode), ("GET", "k"))


async def test_before_the_batch_has_run() -> None:
    queued: Queued[Any] = command()
    assert not queued.done()
    assert queued.exception() is None
    assert repr(queued) == "<Queued GET pending>"
    with pytest.raises(UsageError, match="has not run") as error:
        queued.result()
    assert error.value.command == "GET"
    with pytest.raises(UsageError):
        await queued


@pytest.mark.parametrize("value", ["v", None, 0, [], {}])
async def test_a_value(value: Any) -> None:
    queued = command()
    queued.settle(value, "h:1")
    assert queued.done()
    assert (queued.result(), await queued, await queued) == (value, value, value)
    assert queued.exception() is None
    assert repr(queued) == "<Queued GET done>"


async def test_a_decoded_value() -> None:
    queued = command(int)
    queued.settle("7", "h:1")
    assert queued.result() == 7


async def test_the_servers_error() -> None:
    queued = command(int)
    queued.settle(ReplyError("WRONGTYPE no"), "h:1")
    assert queued.done()
    with pytest.raises(WrongType) as error:
        await queued
    assert queued.exception() is error.value
    assert (error.value.command, error.value.address, error.value.outcome) == ("GET", "h:1", "not_run")
    assert repr(queued) == "<Queued GET failed>"


@pytest.mark.parametrize(("reply", "kind"), [("no number", ProtocolViolation), (DecodeFailed("no text"), DecodeFailed)])
async def test_what_cannot_be_decoded(reply: Any, kind: type[RedisError]) -> None:
    queued = command(int)
    queued.settle(reply, "h:1")
    with pytest.raises(kind) as error:
        queued.result()
    assert (error.value.command, error.value.outcome) == ("GET", "ran")


async def test_an_error_of_the_decoders_own() -> None:
    def decode(_reply: Any) -> Any:
        raise ServerError("ERR made by the decoder")

    queued = command(decode)
    queued.settle("v", "h:1")
    with pytest.raises(ServerError, match="decoder"):
        queued.result()


def test_a_failed_batch_gives_each_its_own_error() -> None:
    reason = OutcomeUnknown("cut", address="h:1", attempt=2, elapsed=0.5)
    one, two = command(), command()
    one.fail(reason)
    two.fail(reason)
    assert one.exception() is not two.exception()
    error = one.exception()
    assert isinstance(error, OutcomeUnknown)
    assert (error.outcome, error.attempt, error.elapsed, error.command) == ("unknown", 2, 0.5, "GET")
