"""The past of ``commands.json``: what of it a server of some version has.

Commands, options and deprecations carry the version that brought them, so an older spec can be derived. It is a lower
bound of what changed between two real servers: renamed arguments, removed commands and replies that took another shape
carry no version. Modules and Sentinel, whose versions are not the server's, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from codegen.spec import Argument, Command
from codegen.tested import numbers

Versions = Mapping[str, str]
"""The newest version of each provider: ``{"redis": "8.6.3"}``."""


def reached(since: str | None, provider: str, versions: Versions) -> bool:
    return provider in versions and numbers(since or "0") <= numbers(versions[provider])


def as_of(commands: Mapping[str, Command], versions: Versions) -> dict[str, Command]:
    """Return the commands as servers up to these versions have them."""
    found: dict[str, Command] = {}
    for name, command in commands.items():
        having = {p: since for p, since in command.providers.items() if reached(since, p, versions)}
        if not having or command.group == "sentinel" or (command.module and command.module != "vectorset"):
            continue
        first = next(iter(having))
        later = command.deprecated_since is not None and not reached(command.deprecated_since, first, versions)
        found[name] = replace(
            command,
            since=having[first],
            providers=having,
            arguments=tuple(pruned(command.arguments, having, versions)),
            deprecated_since=None if later else command.deprecated_since,
            replaced_by=() if later else command.replaced_by,
        )
    return found


def pruned(nodes: tuple[Argument, ...], having: Versions, versions: Versions) -> Iterator[Argument]:
    for node in nodes:
        told = dict(node.providers) or {provider: node.since or since for provider, since in having.items()}
        kept = {provider: since for provider, since in told.items() if reached(since, provider, versions)}
        inner = tuple(pruned(node.arguments, having, versions))
        if not kept or (node.arguments and not inner):
            continue
        both = node.providers if len(kept) == len(node.providers) else {}
        yield replace(node, arguments=inner, providers=both)
