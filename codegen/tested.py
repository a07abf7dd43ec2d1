"""Which commands the servers of the tests have: what none has can be generated and checked, but not be confirmed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from .fields import Fields, SpecError
from .since import dated, numbers
from .spec import Command

SERVERS: Final = Path(__file__).parent / "servers.toml"
UNCONFIRMED: Final = "Not yet confirmed on a live server"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that tests run against.

    Attributes:
        name: what it is called.
        provider: whose commands it has, ``"redis"`` or ``"valkey"``.
        version: as numbers.
        modules: the modules that it comes with, as the spec calls them.
        lacks: commands, or containers, that it has not though its version would.
        only: the only group of commands that it counts for; None for all. A Sentinel's own commands are one.
    """

    name: str
    provider: str
    version: tuple[int, ...]
    modules: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    only: str | None = None

    def has(self, command: Command) -> bool:
        """Tell whether the server has a command."""
        since = command.providers.get(self.provider)
        if since is None or (command.module and command.module not in self.modules):
            return False
        if self.only is not None and command.group != self.only:
            return False
        return self.version >= numbers(since) and not {command.name, command.name.partition(" ")[0]} & self.lacks


def load(path: Path = SERVERS) -> tuple[Server, ...]:
    """Read the servers.

    Raises:
        SpecError: a table lacks something, or says something else.
    """
    data = cast("Mapping[str, object]", tomllib.loads(path.read_text(encoding="utf-8")))
    return tuple(_server(name, table, path.name) for name, table in data.items())


def _server(name: str, table: object, file: str) -> Server:
    fields = Fields(table, file, name)
    try:
        version = numbers(fields.needed("version"))
    except ValueError as error:
        raise SpecError(file, name, "the version is no list of numbers") from error
    modules, lacks = frozenset(fields.texts("modules")), frozenset(fields.texts("lacks"))
    server = Server(name, fields.needed("provider"), version, modules, lacks, fields.text("only"))
    fields.done()
    return server


def unconfirmed(commands: Mapping[str, Command], servers: Iterable[Server]) -> frozenset[str]:
    """Return the names of the commands that no server has."""
    every = tuple(servers)
    return frozenset(name for name, command in commands.items() if not any(server.has(command) for server in every))


def newer(command: Command, servers: Iterable[Server]) -> tuple[str, ...]:
    """Return the tokens of a command's options that are newer than all servers that have the command."""
    having = tuple(server for server in servers if server.has(command))
    return tuple(
        word
        for word, told in dated(command.arguments, command.providers)
        if not any(server.version >= numbers(told[server.provider]) for server in having if server.provider in told)
    )


def note(command: Command, servers: Iterable[Server]) -> str | None:
    """Return what a docstring says of a command that no server has, or of its options; None where all is confirmed."""
    every = tuple(servers)
    if not any(server.has(command) for server in every):
        return f"{UNCONFIRMED}."
    options = newer(command, every)
    return f"{UNCONFIRMED}: {', '.join(options)}." if options else None
