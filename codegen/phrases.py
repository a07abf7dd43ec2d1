"""What docstrings say of parameters: our own phrases, by command, by module, and for all."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, cast

from .fields import Fields

PHRASES: Final = Path(__file__).parent / "phrases.toml"

Place: TypeAlias = tuple[str, str, str]
"""The kind of a table, its name, and a parameter: ``("command", "LPOP", "count")``."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases by place."""

    told: Mapping[Place, str]

    def place(self, command: str, module: str, param: str, *, general: bool = True) -> Place | None:
        """Return where the phrase of a command's parameter is; None where there is none.

        Args:
            command: the command's name.
            module: its module.
            param: the parameter's name.
            general: take what holds in several commands too.
        """
        places = [("command", command, param), ("module", module, param), ("in_all", "", param)]
        return next((place for place in places[: 3 if general else 1] if place in self.told), None)


@cache
def load(path: Path = PHRASES) -> Phrases:
    """Read the phrases.

    Raises:
        SpecError: a table of another name, or a phrase that is no text or is empty.
    """
    data = cast("Mapping[str, object]", tomllib.loads(path.read_text(encoding="utf-8")))
    fields = Fields(data, path.name, "")
    told = dict(_table("in_all", "", fields.table("in_all"), path.name))
    for kind in ("module", "command"):
        for name, table in fields.table(kind).items():
            told.update(_table(kind, name, table, path.name))
    fields.done()
    return Phrases(told)


def _table(kind: str, name: str, table: object, file: str) -> Iterator[tuple[Place, str]]:
    fields = Fields(table, file, f"{kind}.{name}" if name else kind)
    for param in cast("Mapping[str, object]", table):
        yield (kind, name, param), fields.needed(param)
