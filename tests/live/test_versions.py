"""What ``supports`` says of real servers' versions is what their COMMAND LIST says."""

from __future__ import annotations

from typing import Literal

import pytest

from redpoll import Redis, supports
from redpoll.commands.since import SINCE
from redpoll.testing import EmbeddedServer


@pytest.mark.parametrize("kind", ["valkey", "redis8", "redis7", "redis86"])
async def test_the_commands_of_a_server(kind: str, request: pytest.FixtureRequest) -> None:
    server: EmbeddedServer = request.getfixturevalue(kind)
    has = {str(word).upper().replace("|", " ") for word in server.call("COMMAND", "LIST")} & SINCE.keys()
    plain = {name for name, row in SINCE.items() if not row[2] and not name.startswith("SENTINEL")}
    provider: Literal["redis", "valkey"] = "valkey" if kind == "valkey" else "redis"
    assert {name for name in plain if supports(name, server.version, server=provider)} == has
    async with Redis(server.host, server.port) as r, r.dedicated() as c:
        info, hello = await r.info(), await c.hello(3)
    for name in SINCE.keys() - {name for name in SINCE if name.startswith("SENTINEL")}:
        assert supports(name, info) == supports(name, hello) == (name in has), name
