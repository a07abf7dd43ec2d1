"""Scenario 6, the sizes that the reader believes: they must be refused where they are announced, and at once."""

from __future__ import annotations

import time

import pytest

from redpoll import ProtocolViolation, Redis
from tests.fault.expect import failure, within
from tests.fault.fake_server import FakeServer, Hang, On


@pytest.mark.parametrize(
    "reply",
    [
        b"$4611686018427387904\r\n",
        b"$1099511627776\r\n",
        b"*2147483648\r\n",
        b"*2147483647\r\n",
        b"*2\r\n:1\r\n*2147483647\r\n",
        b"~2147483647\r\n",
        b"%1073741824\r\n",
    ],
)
async def test_s06_a_size_beyond_the_limit_is_refused_at_once(reply: bytes) -> None:
    with FakeServer([[On("GET", reply, Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            before = time.thread_time()
            await failure(r.using(timeout=2).get("k"), ProtocolViolation, "unknown")
            assert await within(r.echo("x")) == "x"
            assert time.thread_time() - before < 0.5, "CPU seconds that the event loop was held"
