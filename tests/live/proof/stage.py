"""Where scenes are played: servers of one program, calls over both protocols, and waiting for servers to agree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from codegen.ir import Method
from redpoll.testing import EmbeddedServer
from tests.live.proof.probe import Answer, Made, Prober
from tests.live.raw import Raw

PATIENCE = 20.0
"""Seconds that servers may take to agree on something."""


@dataclass
class Stage:
    """Where a scene makes its calls.

    Attributes:
        binary: the servers' program.
        methods: by their names: those whose commands the program documents.
        folder: where files may go.
        protocol: the one that is played now.
        made: all calls of the scene, in order.
    """

    binary: Path
    methods: dict[str, Method]
    folder: Path
    protocol: Literal[2, 3] = 2
    made: list[Made] = field(default_factory=list[Made])
    _next: int = 0
    _probers: dict[tuple[int, int], Prober] = field(default_factory=dict[tuple[int, int], Prober])

    def protocols(self) -> Iterator[Literal[2, 3]]:
        """Play over one protocol after the other."""
        for protocol in (2, 3):
            self.protocol, self._next = protocol, 0
            yield protocol
            assert self._next == len(self.made), "the scene made other calls over the first protocol"

    async def call(self, server: EmbeddedServer, name: str, *args: Any, **keywords: Any) -> Any:
        """Call a method and return its value.

        Raises:
            AssertionError: it gave none.
        """
        answer = await self._call(server, name, list(args), keywords)
        assert not answer.error, f"{server.version}: {name} {args} {keywords}: {answer.error}"
        return answer.value

    async def refused(self, code: str, server: EmbeddedServer, name: str, *args: Any, **keywords: Any) -> None:
        """Call a method that the server must refuse with a certain code."""
        answer = await self._call(server, name, list(args), keywords)
        assert answer.refused, f"{server.version}: {name} {args} {keywords} gave {answer.value!r}"
        assert answer.error.startswith(code), f"{server.version}: {name} {args} {keywords}: {answer.error}"

    async def _call(self, server: EmbeddedServer, name: str, args: list[Any], keywords: dict[str, Any]) -> Answer:
        prober = self._probers.setdefault((server.port, self.protocol), Prober(server, self.protocol))
        answer = await prober.call(name, args, keywords)
        if self.protocol == 2:
            self.made.append(Made(self.methods[name], args, keywords))
        self.made[self._next].answers[self.protocol] = answer
        self._next += 1
        return answer

    async def play(self, scene: Callable[[Stage], Awaitable[None]]) -> None:
        """Play a scene."""
        try:
            await scene(self)
        finally:
            for prober in self._probers.values():
                await prober.close()

    def has(self, name: str) -> bool:
        """Tell whether the server documents a method's command."""
        return name in self.methods

    @contextlib.contextmanager
    def servers(self, count: int, **options: Any) -> Iterator[list[EmbeddedServer]]:
        """Run servers with the same options."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(EmbeddedServer(self.binary, options=options)) for _ in range(count)]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has come about."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - servers tell nobody when they are ready
            await asyncio.sleep(0.01)


def info(server: EmbeddedServer, section: str) -> dict[str, str]:
    lines = str(server.call("INFO", section)).split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


@contextlib.contextmanager
def waiting(server: EmbeddedServer, *words: Any) -> Iterator[Raw]:
    """Send a command that does not answer soon, over a connection of its own."""
    with Raw(server.port) as raw:
        raw.send(*words)
        yield raw
