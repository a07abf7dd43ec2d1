"""Packets that vanish on their way: how soon it is noticed, what callers are told, and how it goes on.

A kernel that refuses network namespaces (containers often do) makes for a visible skip, in CI too: the same scenarios run
over a proxy that keeps all it gets, which to the client is the same but for what its own kernel would say in the end.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redpoll.routing import blocking
from redpoll.testing import EmbeddedServer
from tests.fault.blackhole import SCENARIOS
from tests.fault.proxy import FaultProxy

ROOT = Path(__file__).parents[2]


class Held:
    """A proxy that keeps all it gets."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.host, self.port = proxy.host, proxy.port
        self._proxy = proxy

    def down(self) -> None:
        for direction in (self._proxy.to_server, self._proxy.to_client):
            direction.hold()
        self._proxy.to_server.stop_reading()
        self._proxy.refuse()

    def up(self) -> None:
        self._proxy.heal()


@pytest.mark.parametrize("name", SCENARIOS)
async def test_held(valkey: EmbeddedServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "SLICE", blocking.SLICE)  # a scenario changes it
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        await SCENARIOS[name](Held(proxy), valkey)
    await asyncio.get_running_loop().shutdown_default_executor()


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """The command that runs a program in a network of its own."""
    command = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--net"]
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        pytest.skip(f"no network namespace: {error}")
    if tried.returncode != 0:
        pytest.skip(f"no network namespace: {tried.stderr.strip()}")
    return command


@pytest.mark.parametrize("name", SCENARIOS)
def test_vanished(namespace: list[str], name: str) -> None:
    ran = subprocess.run(
        [*namespace, sys.executable, "-X", "dev", "-W", "error", "-m", "tests.fault.blackhole", name],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "as promised\n"), ran.stderr
