"""The options of consumers, and what a consumer does about errors, without a server."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from redpoll import Redis
from redpoll.errors import ConnectionFailed, ConnectionLost, NoGroup, NoPermission, RedisError, UsageError
from redpoll.options import settings
from redpoll.routing.link import Link
from redpoll.streams import Consumer, StreamEntry
from redpoll.streams.entries import Delivered
from redpoll.streams.membership import Membership, _order, _said


@pytest.mark.parametrize(
    ("streams", "options", "told"),
    [
        ([], {}, "at least one stream"),
        ({"s": "0"}, {}, "start="),
        (5, {}, "str or bytes"),
        ([None], {}, "NoneType"),
        ("\ud800", {}, "UTF-8"),
        ("s", {"count": 0}, "count"),
        ("s", {"block": 0}, "block"),
        ("s", {"min_idle": -1.0}, "min_idle"),
        ("s", {"claim_interval": 0}, "claim_interval"),
        ("s", {"max_deliveries": 3}, "go together"),
        ("s", {"dead_letter": "d"}, "go together"),
        ("s", {"dead_letter": "d", "max_deliveries": 0}, "max_deliveries"),
        (["s", "d"], {"dead_letter": b"d", "max_deliveries": 1}, "must not be one"),
    ],
)
def test_options_that_cannot_be_right(streams: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Redis().consumer(streams, "g", "c", **options)


def test_words_as_the_server_reads_them() -> None:
    assert [_said(word) for word in ("é", b"\r\n", 7, 1.5, bytearray(b"x"))] == [
        "é".encode(),
        b"\r\n",
        b"7",
        b"1.5",
        b"x",
    ]
    assert sorted([b"10-0", b"9-11", b"9-2", b"9"], key=_order) == [b"9", b"9-2", b"9-11", b"10-0"]


class Scripted:
    """A membership whose fetches go as told."""

    def __init__(self, *script: RedisError | list[Delivered]) -> None:
        self.script = list(script)
        self.left = 0
        self.plan = SimpleNamespace(min_idle=60)

    async def fetch(self) -> list[Delivered]:
        if not self.script:
            await asyncio.get_running_loop().create_future()
        each = self.script.pop(0)
        if isinstance(each, RedisError):
            raise each
        return each

    def leave(self) -> None:
        self.left += 1

    def holds(self, _entry: Delivered) -> bool:
        return True

    async def give_back(self, entries: list[Delivered]) -> None:
        assert not entries

    async def acknowledge(self, _entry: Delivered) -> bool:
        return True


class Standing:
    """A link, as far as a consumer looks at it."""

    closed = False

    def __init__(self, **options: Any) -> None:
        self.settings = settings("localhost", 6379, cast("Any", options))


def consumer(membership: Scripted, **options: Any) -> Consumer[Any]:
    return Consumer(cast("Link", Standing(**options)), cast("Membership", membership), True)


ENTRY = Delivered(b"s", b"1-1", {b"f": b"v"}, 1)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redpoll.reconnect.Reconnect.delay", lambda _self, _failures: 0.0001)


async def test_what_passes_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    secret = NoGroup("NOGROUP No such key 'secret' or consumer group 'g'")
    membership = Scripted(ConnectionLost("it ended"), secret, [], [ENTRY])
    entry = await anext(consumer(membership))
    assert (entry.stream, entry.id, entry.fields, entry.deliveries) == ("s", "1-1", {"f": "v"}, 1)
    assert membership.left == 1
    assert "secret" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def final() -> RedisError:
    error = ConnectionFailed("a certificate is refused")
    error.final = True
    return error


@pytest.mark.parametrize("error", [NoPermission("NOPERM"), UsageError("wrong"), final()])
async def test_what_does_not_is_raised(error: RedisError) -> None:
    with pytest.raises(type(error)):
        await anext(consumer(Scripted(error)))


async def test_a_client_that_does_not_reconnect_is_not_waited_for() -> None:
    with pytest.raises(ConnectionLost):
        await anext(consumer(Scripted(ConnectionLost("it ended")), reconnect=False))


async def test_running_handlers_are_done_before_an_error_is_raised() -> None:
    done: list[str] = []

    async def handle(entry: StreamEntry[Any]) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(entry.id)

    membership = Scripted([ENTRY], NoPermission("NOPERM"))
    with pytest.raises(NoPermission):
        await consumer(membership).run(handle, concurrency=2)
    assert done == ["1-1"]
    with pytest.raises(UsageError, match="concurrency"):
        await consumer(membership).run(handle, concurrency=0)


async def test_cancelling_cancels_the_handlers() -> None:
    begun = asyncio.Event()

    async def handle(_entry: StreamEntry[Any]) -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    membership = Scripted([ENTRY])
    running = asyncio.create_task(consumer(membership).run(handle))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
