"""A stand-in for a server with modules: the package fakeredis behind a socket, in a process of its own.

It is no server: what it answers confirms no command. It shows that the words of a call are understood, and that its
replies, on either protocol, become what the method promises.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import pytest
from typing_extensions import override

from redpoll import Redis
from tests.live.annotations import misfit
from tests.live.commands.cases import Case, Checked, Table, shapes_of
from tests.servers import missing

# The process ends when its input does, so also when the tests are killed.
_PROGRAM = """
import os, sys, threading
from fakeredis import TcpFakeServer
server = TcpFakeServer(("127.0.0.1", 0))
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.fixture(scope="session")
def modules_port() -> Iterator[int]:
    """The port of the stand-in."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            missing("fakeredis", "pip install 'fakeredis[json,probabilistic]'")
        yield int(line)
        assert process.stdin is not None
        process.stdin.close()


class DocumentsChecked(Checked):
    """Of documents only the place is promised: text in them is ``str`` on every client."""

    @override
    def value(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Any:
        shape = shapes_of(name, args, kwargs)[0]
        if shape.returns not in (Any, list[Any]):
            return super().value(name, args, kwargs, value)
        assert not misfit(value, shape.returns, self.text)
        return value


class ModuleTable(Table):
    """Runs tables on the stand-in, which has all commands that a table names."""

    def __init__(self, client: Redis[Any], checked: Checked) -> None:
        self.client = client
        self.checked = checked

    @override
    def runs(self, each: Case) -> bool:
        return True


@pytest.fixture
async def client(modules_port: int, protocol: Literal[2, 3], decode_responses: bool) -> AsyncIterator[Redis[Any]]:
    """A client of the stand-in, over each protocol, of str and of bytes."""
    made: Redis[Any] = (
        Redis("127.0.0.1", modules_port, protocol=protocol)
        if decode_responses
        else Redis("127.0.0.1", modules_port, protocol=protocol, decode_responses=False)
    )
    async with made:
        yield made


@pytest.fixture
def table(client: Redis[Any], decode_responses: bool) -> ModuleTable:
    """Runs tables on each client."""
    return ModuleTable(client, DocumentsChecked(client, str if decode_responses else bytes))
