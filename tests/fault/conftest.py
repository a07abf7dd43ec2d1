"""Fixtures of the fault tests: a proxy in front of a real server, and a guard against what a test leaves behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from redpoll.testing import EmbeddedServer
from tests.fault.proxy import FaultProxy

_ROOT = Path(__file__).parents[2]
_OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread or an open file behind."""
    for name in ("valkey", "redis8", "soaking"):  # these stay for the session: start them before counting
        if name in request.fixturenames:
            request.getfixturevalue(name)
    before = _left()
    yield
    gc.collect()
    after = _left()
    assert after == before, f"threads and open files before the test: {before}, after it: {after}"


@pytest.fixture
def proxy(valkey: EmbeddedServer) -> Iterator[FaultProxy]:
    """A fault proxy in front of Valkey."""
    with FaultProxy(valkey.host, valkey.port) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """A primary and its replica."""
    at_once = {"repl-diskless-sync-delay": 0}
    with EmbeddedServer(options=at_once) as primary, EmbeddedServer(options=at_once) as replica:
        replica.call("REPLICAOF", primary.host, primary.port)
        until = time.monotonic() + 20
        while "master_link_status:up" not in replica.call("INFO", "replication"):
            assert time.monotonic() < until, "the replica does not connect"
            time.sleep(0.02)
        yield primary, replica


@pytest.fixture(scope="session")
def soaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A soak of a minute, in a process of its own, and what it prints. Other tests may run meanwhile."""
    told = tmp_path_factory.mktemp("soak") / "told"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "1", "--round", "3", "--seed", "1"]
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'src'}"}
    with told.open("wb") as output:
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=output, stderr=output)
    yield process, told
    process.terminate()
    process.wait()


def _left() -> tuple[int, int]:
    files = len(os.listdir(_OPEN_FILES)) if _OPEN_FILES.is_dir() else 0
    return threading.active_count(), files
