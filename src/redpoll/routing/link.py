"""What a client runs its commands on: the shared connection of a core, or a connection of its own."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from typing import Any, Protocol

from redpoll.options import Settings
from redpoll.protocol.calls import Group
from redpoll.spec import Spec
from redpoll.transport.connection import Connection
from redpoll.types import Arg

from .hooks import Hooks


class Link(Protocol):
    """Runs commands; see ``Core`` and ``Bound``.

    Attributes:
        address: the server's address, for errors.
        settings: the client's settings.
        hooks: observer and middleware; None where there are none.
    """

    address: str
    settings: Settings
    hooks: Hooks | None

    @property
    def connection(self) -> Connection | None:
        """The connection that calls go out on; None while there is none."""
        ...

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        ...

    @property
    def closed(self) -> bool:
        """Whether no command can be run any more."""
        ...

    def admit(self, spec: Spec[Any]) -> None:
        """Refuse a command that does not belong here. Called for those that are ``special``.

        Raises:
            UsageError: why.
        """
        ...

    def submit(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, timeout: float | None, replay: bool
    ) -> Future[Any]:
        """Queue one command; await the result for its raw reply."""
        ...

    def submit_group(
        self,
        spec: Spec[Any],
        payload: bytes,
        texts: list[bool],
        *,
        timeout: float | None,
        replay: bool,
        batch: object,
        sizes: Sequence[int] | None = None,
        refusable: bool = False,
        atomic: bool = False,
    ) -> Group:
        """Queue several commands as one whole; its future gives the list of their raw replies."""
        ...

    async def lease(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None, replay: bool
    ) -> Any:
        """Run one command that blocks, or that ends what blocks, where it holds up no other; return its raw reply."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...
