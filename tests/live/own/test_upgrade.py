"""The day a server ships, on real servers: each one's own spec is imported, and what it would change is reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen import generate, importer, overlay, spec, upgrade, writing
from codegen.places import ROOT
from redpoll.testing import EmbeddedServer
from tests.conftest import EVERY


@pytest.mark.parametrize("name", EVERY)
def test_a_server_that_is_known_changes_nothing(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server: EmbeddedServer = request.getfixturevalue(name)
    commands = tmp_path / "commands.json"
    shutil.copy(ROOT / "commands.json", commands)
    assert importer.run([], [f"redis://{server.host}:{server.port}"], commands, on_top=True) == 0
    draft = upgrade.draft(spec.load(commands), overlay.load())
    assert upgrade.describe(writing.read(generate.OUTPUT), draft) == "No method changes.\n"
