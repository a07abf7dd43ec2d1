"""The runner of the tables, on each client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from redpoll import Redis
from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Checked, Table


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark of tests that call methods outside the tables."""
    config.addinivalue_line("markers", "covers(*methods): the generated methods that a test calls by itself")


@pytest.fixture
def other(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A second server of the same kind, for one test."""
    with EmbeddedServer(server.binary) as found:
        yield found


@pytest.fixture
def covered(request: pytest.FixtureRequest) -> Iterator[set[str]]:
    """The methods that a test has called; those that its mark ``covers`` names must be among them at the end."""
    called: set[str] = set()
    yield called
    marker = request.node.get_closest_marker("covers")
    missed = set() if marker is None else set(marker.args) - called
    assert not missed, f"the test is marked to cover {missed}, and does not call it"


@pytest.fixture
async def table(server: EmbeddedServer, each_client: Redis[Any], decode_responses: bool, covered: set[str]) -> Table:
    """Runs tables on each client."""
    has = {name.lower() for name in await each_client.command_list()}  # modules write theirs in capitals
    return Table(server, each_client, Checked(each_client, str if decode_responses else bytes, covered), has)
