"""Fixtures for pytest: one embedded server a session, and its address with an empty data set for each test.

    async def test_greeting(redpoll_url):
        async with Redis.from_url(redpoll_url) as client:
            ...

All fixtures are synchronous, so they work with pytest-asyncio, anyio or neither. The server starts when a test first asks.

pytest imports this module in every run of an environment that has redpoll, so it stands outside the package: no run pays
for the client, or fails for it, that does not ask for these fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from redpoll.testing import EmbeddedServer, Option


@pytest.fixture(scope="session")
def redpoll_server_options() -> Mapping[str, Option]:
    """Configuration directives of the session's server. Override it in a conftest.py: ``{"maxmemory": "10mb"}``."""
    return {}


@pytest.fixture(scope="session")
def redpoll_server(redpoll_server_options: Mapping[str, Option]) -> Iterator[EmbeddedServer]:
    """The session's server: host, port, url(), pause(), kill(), restart() and so on; not emptied between tests."""
    from redpoll.testing import EmbeddedServer

    with EmbeddedServer(options=redpoll_server_options) as server:
        yield server


@pytest.fixture
def redpoll_clean_server(redpoll_server: EmbeddedServer) -> EmbeddedServer:
    """The session's server, reset: no data, functions, scripts or further users; configured as it was started."""
    redpoll_server.reset()
    return redpoll_server


@pytest.fixture
def redpoll_url(redpoll_clean_server: EmbeddedServer) -> str:
    """The URL of the session's server, reset."""
    return redpoll_clean_server.url()
