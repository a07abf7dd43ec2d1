"""Clients of real servers, over either protocol, with text as ``str`` or as ``bytes``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from redpoll import Redis
from redpoll.testing import EmbeddedServer


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def protocol(request: pytest.FixtureRequest) -> Literal[2, 3]:
    return 3 if request.param == 3 else 2


@pytest.fixture(params=[True, False], ids=["str", "bytes"])
def decode_responses(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def each_client(
    server: EmbeddedServer, protocol: Literal[2, 3], decode_responses: bool
) -> AsyncIterator[Redis[Any]]:
    """A client of each server, over each protocol, of str and of bytes."""
    client: Redis[Any] = (
        Redis(server.host, server.port, protocol=protocol)
        if decode_responses
        else Redis(server.host, server.port, protocol=protocol, decode_responses=False)
    )
    async with client:
        yield client
