"""A connection of one's own with all command methods, those that change its state among them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from redpoll import Dedicated, Redis
from redpoll.testing import EmbeddedServer


@asynccontextmanager
async def bare(server: EmbeddedServer, protocol: Literal[2, 3], text: bool) -> AsyncIterator[Dedicated[Any]]:
    """Open a connection for one test."""
    url = server.url() + f"?protocol={protocol}"
    client: Redis[Any] = Redis.from_url(url) if text else Redis.from_url(url, decode_responses=False)
    async with client, client.dedicated() as connection:
        yield connection
