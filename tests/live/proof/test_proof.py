"""Every command that a server documents answers the generated method: on four servers, over both protocols.

Per server: each documented command's method is called with the arguments that the generator's enumeration finds legal, and
scenes of several servers give replicas, nodes of a cluster, running scripts and modules to those that need them. The server
must never call it a wrong syntax; a value must be of the promised type, the same over both protocols and for clients of str
and of bytes, and as the reply schema says; the keys that the client finds must be those that the server finds; and each
call must be answered exactly once.
"""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path

import pytest

from redpoll.errors import UsageError
from redpoll.testing import EmbeddedServer
from tests.live.proof.judge import Fault, senseless
from tests.live.proof.known import KNOWN, NEW, OLD, R8, V
from tests.live.proof.probe import Prober
from tests.live.proof.run import prove
from tests.live.proof.scenes import compiler
from tests.live.proof.table import HEAD, Proof, pinned
from tests.servers import missing

SERVERS = {"valkey": V, "redis7": OLD, "redis8": R8, "redis86": NEW}
ENOUGH = 0.95


@pytest.fixture(scope="module", params=SERVERS)
def proof(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """All calls on one server, made once for the tests below."""
    running = request.getfixturevalue(request.param)
    return Proof.of(SERVERS[request.param], running.binary, tmp_path_factory.mktemp(request.param))


def lines(found: list[Fault]) -> str:
    return "\n".join(f"{fault.kind} {fault.command}: {fault.what}" for fault in found[:40])


def test_every_documented_command_is_called(proof: Proof) -> None:
    print(f"\n{HEAD}\n{proof.row()}")
    uncalled = (
        set(proof.server.documented)
        - set(proof.skipped)
        - set(proof.internal)
        - {command for command, calls in proof.server.calls.items() if calls}
    )
    assert not uncalled, f"no legal call fits this server: {sorted(uncalled)}"
    assert proof.called >= ENOUGH * proof.public, f"skipped: {proof.skipped}"


@pytest.mark.parametrize(
    "kinds",
    [("syntax", "since"), ("step",), ("decode", "type"), ("protocol",), ("schema",), ("keys",), ("value",)],
    ids="-".join,
)
def test_answers(proof: Proof, kinds: tuple[str, ...]) -> None:
    found = proof.unknown(*kinds)
    assert not found, f"{proof.server.label}: {len(found)} deviations\n{lines(found)}"


def test_each_known_deviation_is_there(proof: Proof) -> None:
    proof.unknown()
    wanted = [entry for entry in KNOWN if entry.sure and proof.name in entry.servers and entry not in proof.used]
    assert not wanted or not proof.exact, f"{proof.server.label} no longer needs {wanted}"


def test_the_table_is_as_reviewed(proof: Proof) -> None:
    if not proof.exact:
        pytest.skip(f"the table was written for {proof.name}, and this is {proof.server.label}")
    if compiler() is None:
        missing("a C compiler", "apt-get install gcc, for a module to load")
    expected, now = pinned()[proof.name].splitlines(), proof.section().splitlines()
    assert expected == now, "\n".join(difflib.unified_diff(expected, now, lineterm="", n=0))


@pytest.mark.parametrize("name", SERVERS)
def test_values_without_sense(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Whatever a server thinks of the values: one answer a call, of the promised type or an error."""
    found = asyncio.run(prove(request.getfixturevalue(name).binary, tmp_path, sense=False))
    assert sum(map(len, found.calls.values())) > 2000
    wrong = list(senseless(found))
    assert not wrong, f"{found.label}: {len(wrong)} deviations\n{lines(wrong)}"


async def test_an_answer_too_many_is_noticed(redis86: EmbeddedServer) -> None:
    """Redis 8.6 answers twice where SET's GET meets a malformed digest, which is why the method refuses one."""
    if not redis86.version.startswith("8.6."):
        pytest.skip(f"Redis {redis86.version} need not be wrong")
    redis86.call("SET", "k", "v")
    prober = Prober(redis86, 3)
    try:
        with pytest.raises(UsageError, match="16 hexadecimal digits"):
            await prober.call("set", ["k", "w"], {"ifdeq": "malformed", "get": True})
        answer = await prober.raw(("SET", "k", "w", "IFDEQ", "malformed", "GET"))
        assert (answer.raw, answer.out_of_step) == ("v", True)
    finally:
        await prober.close()
