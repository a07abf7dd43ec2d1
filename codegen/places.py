"""Where things are: the checkout that the generator belongs to, where there is one, and the package redpoll.

From a checkout it runs as ``codegen`` and makes redpoll's own commands. Installed, it is ``redpoll_codegen`` beside
``redpoll``, without ``commands.json``, and makes the commands of others.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CHECKOUT: Final = (ROOT / "commands.json").is_file() and (ROOT / "src" / "redpoll").is_dir()


def _package() -> Path:
    if CHECKOUT:
        return ROOT / "src" / "redpoll"
    found = importlib.util.find_spec("redpoll")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the package redpoll is not installed", name="redpoll")
    return Path(found.origin).parent


PACKAGE: Final = _package()
"""The folder of the package redpoll, whose decoders and records replies are made of."""
