"""Every command that a server documents answers the generated method: on four servers, over both protocols.

Per server: each documented command's method is called with the arguments that the generator's enumeration finds legal.
The server must never call it a wrong syntax; a value must be of the promised type, the same over both protocols, and as
the reply schema says; the keys that the client finds must be those that the server finds; and each call must be answered
exactly once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codegen.spec import Command
from redpoll.errors import UsageError
from redpoll.testing import EmbeddedServer
from tests.live.proof.judge import Fault, faults, senseless
from tests.live.proof.known import KNOWN, NEW, Known
from tests.live.proof.probe import Prober
from tests.live.proof.run import Server, generated, prove

SERVERS = {"valkey": "Valkey 9.1", "redis7": "Redis 7.0", "redis8": "Redis 8.2", "redis86": NEW}
ENOUGH = 0.95


@dataclass
class Proof:
    """What came of one server.

    Attributes:
        name: by which ``KNOWN`` calls it.
        exact: it is of the version that ``KNOWN`` was written for.
        server: its calls.
        skipped: documented commands that have no method, with the reason; internal ones are not among them.
        internal: commands that servers send to each other.
        found: all deviations.
        used: entries of ``KNOWN`` that covered one.
    """

    name: str
    exact: bool
    server: Server
    skipped: dict[str, str]
    internal: dict[str, str]
    found: list[Fault] = field(default_factory=list[Fault])
    used: set[Known] = field(default_factory=set[Known])

    def unknown(self, *kinds: str) -> list[Fault]:
        """Return the deviations of some kinds that no entry of ``KNOWN`` covers."""
        left: list[Fault] = []
        for fault in self.found:
            entry = next((entry for entry in KNOWN if entry.covers(fault, self.name)), None)
            if entry is not None:
                self.used.add(entry)
            elif fault.kind in kinds:
                left.append(fault)
        return left

    def row(self) -> str:
        """Return the server's line of the table."""
        made = [each for calls in self.server.calls.values() for each in calls]
        answers = [answer for each in made for answer in each.answers.values()]
        refused = sum(answer.refused for answer in answers)
        share = self.called / self.public
        left = sum(map(len, self.server.newer.values()))
        return (
            f"{self.server.label:13} {self.public:10} {self.called:6} {share:6.1%} {len(self.skipped):7} {len(self.internal):8} "
            f"{len(answers):6} {refused:7} {len(self.found):8} {left:8}"
        )

    @property
    def public(self) -> int:
        return len(self.server.documented) - len(self.internal)

    @property
    def called(self) -> int:
        return sum(bool(calls) for calls in self.server.calls.values())


HEAD = "server        documented called  share skipped internal  calls refused  deviate left out"


def split(documented: dict[str, Command]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the documented commands without a method, with the overlay's reason: public ones, and internal ones."""
    without = generated()[2]
    reasons = {name: without.get(name, "no spec") for name in documented if name not in generated()[1]}
    internal = {name: why for name, why in reasons.items() if why.startswith("internal")}
    return {name: why for name, why in reasons.items() if name not in internal}, internal


@pytest.fixture(scope="module", params=SERVERS)
def proof(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Proof:
    """All calls on one server, made once for the tests below."""
    running = request.getfixturevalue(request.param)
    found = asyncio.run(prove(running.binary, tmp_path_factory.mktemp(request.param)))
    exact = found.label.startswith(f"{SERVERS[request.param]}.")
    return Proof(SERVERS[request.param], exact, found, *split(found.documented), list(faults(found)))


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
