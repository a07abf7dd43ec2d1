"""A connection of one's own with all command methods, those that change its state among them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from redpoll.commands import Commands, StateCommands
from redpoll.options import settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.testing import EmbeddedServer
from redpoll.transport.connection import Connection, connect


class Bare(Commands[Any], StateCommands[Any]):
    """Sends each command on one connection, decoded as a client would."""

    def __init__(self, connection: Connection, text: bool) -> None:
        self.connection = connection
        self.text = text

    async def _run(self, spec: Spec[Any], words: tuple[Any, ...]) -> Any:
        call = Call(loop=asyncio.get_running_loop())
        call.spec, call.payload, call.text = spec, encode(spec.name, words), self.text and spec.text
        call.replay, call.given, call.batch, call.timeout, call.deadline = False, 0, None, None, 0.0
        self.connection.send(call)
        async with asyncio.timeout(10):
            reply = await call
        return reply if spec.decode is None else spec.decode(reply)


@asynccontextmanager
async def bare(server: EmbeddedServer, protocol: Literal[2, 3], text: bool) -> AsyncIterator[Bare]:
    """Open a connection for one test."""
    connection = await connect(settings(server.host, server.port, {"protocol": protocol}))
    try:
        yield Bare(connection, text)
    finally:
        connection.abort()
        await connection.ended()
