"""The embedded server and its pytest plugin, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from redpoll.testing import EmbeddedServer, EmbeddedServerError, Option
from redpoll.testing import server as module

REPOSITORY = Path(__file__).parents[2]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(port: int, folder: str, seconds: float = 10.0) -> None:
    """Wait for the port to refuse and the folder to go; a process id would not do, as nobody may reap an orphan."""
    deadline = time.monotonic() + seconds
    while Path(folder).exists() or listens(port):
        assert time.monotonic() < deadline, f"port {port} or {folder} is still there after {seconds} s"
        time.sleep(0.01)


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def binary(valkey: EmbeddedServer) -> Path:
    return valkey.binary


def test_both_servers_answer(server: EmbeddedServer) -> None:
    assert server.call("PING") == "PONG"
    assert f"process_id:{server.pid}\r" in server.call("INFO", "server")
    assert f"_version:{server.version}\r" in server.call("INFO", "server")
    assert server.url(3) == f"redis://127.0.0.1:{server.port}/3"
    assert server.call("CONFIG", "GET", "save") == ["save", ""]
    assert "graph" not in str(server.call("MODULE", "LIST"))


def test_the_unix_socket_answers(server: EmbeddedServer) -> None:
    assert server.socket_path is not None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.socket_path)
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"


def test_options_and_config_reach_the_server(binary: Path) -> None:
    options: dict[str, Option] = {
        "maxmemory": "7mb",
        "appendonly": True,
        "client-output-buffer-limit": ["pubsub", 8, 4, 2],
    }
    with EmbeddedServer(binary, options=options, config="databases 3\n") as server:
        assert server.call("CONFIG", "GET", "maxmemory")[1] == str(7 << 20)
        assert server.call("CONFIG", "GET", "appendonly")[1] == "yes"
        assert "pubsub 8 4 2" in server.call("CONFIG", "GET", "client-output-buffer-limit")[1]
        assert server.call("CONFIG", "GET", "databases")[1] == "3"


def test_a_password_is_used(binary: Path) -> None:
    with EmbeddedServer(binary, options={"requirepass": "s3cret"}) as server:
        assert server.call("PING") == "PONG"
        assert "s3cret" not in repr(server)


def test_cluster_and_sentinel_modes(binary: Path) -> None:
    with EmbeddedServer(binary, options={"cluster-enabled": True}) as node:
        assert "cluster_state:fail" in node.call("CLUSTER", "INFO")
        monitor = f"sentinel monitor main 127.0.0.1 {node.port} 1\n"
        with EmbeddedServer(binary, config=monitor, arguments=["--sentinel"]) as sentinel:
            assert sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main") == ["127.0.0.1", str(node.port)]


def test_leaving_the_context_ends_the_process_and_removes_the_folder(binary: Path) -> None:
    with EmbeddedServer(binary) as server:
        pid, folder = server.pid, server.folder
        assert folder is not None
    assert not runs(pid)
    assert not folder.exists()
    server.stop()  # again: nothing happens
    with server:
        assert server.call("PING") == "PONG"


def test_a_wrong_option_shows_the_log(binary: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"(?s)127\.0\.0\.1:\d+ ended while starting.*no-such-thing"):
        EmbeddedServer(binary, options={"no-such-thing": 1}).start()


def test_a_program_that_never_answers_is_ended() -> None:
    server = EmbeddedServer("/bin/sh", config="sleep 60", start_timeout=0.2)
    with pytest.raises(EmbeddedServerError, match=r"did not answer within 0\.2 s"):
        server.start()
    assert not server.alive


def test_a_taken_port_is_an_error_where_it_was_asked_for(binary: Path, valkey: EmbeddedServer) -> None:
    with pytest.raises(EmbeddedServerError, match="Address already in use"):
        EmbeddedServer(binary, port=valkey.port).start()
    assert valkey.call("PING") == "PONG"


def test_a_port_that_was_taken_meanwhile_is_changed(
    binary: Path, valkey: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module._free_port
    offered = iter([valkey.port, valkey.port])
    monkeypatch.setattr(module, "_free_port", lambda below: next(offered, None) or honest(below))
    with EmbeddedServer(binary) as server:
        assert server.port != valkey.port
        assert server.call("PING") == "PONG"


def test_kill_and_restart_keep_the_port(binary: Path) -> None:
    with EmbeddedServer(binary) as server:
        port, pid = server.port, server.pid
        server.kill()
        assert not runs(pid)
        assert not server.alive
        server.restart()
        assert server.port == port
        assert server.call("PING") == "PONG"
        assert server.call("DBSIZE") == 0


def test_a_server_that_ended_by_itself_starts_again(binary: Path) -> None:
    with EmbeddedServer(binary) as server:
        server.start()  # it runs: nothing happens
        pid = server.pid
        with pytest.raises(EmbeddedServerError, match="hung up after 0 of 1 replies"):
            server.call("SHUTDOWN", "NOSAVE")
        server.restart()
        assert server.pid != pid
        assert server.call("PING") == "PONG"


def test_pause_and_resume(binary: Path) -> None:
    with EmbeddedServer(binary) as server:
        server.pause()
        with pytest.raises(EmbeddedServerError, match="timed out"):
            server.call("PING", timeout=0.05)
        server.resume()
        assert server.call("PING") == "PONG"
        server.pause()
    assert not server.alive


def test_reset_brings_back_the_first_state(server: EmbeddedServer) -> None:
    pid, users = server.pid, server.call("ACL", "LIST")
    server.call("SET", "k", "v")
    server.call("CONFIG", "SET", "maxmemory", "5mb")
    server.call("ACL", "SETUSER", "other", "on", ">secret", "~*", "+@all")
    server.call("ACL", "SETUSER", "default", "-get")
    server.call("FUNCTION", "LOAD", "#!lua name=f\nredis.register_function('f', function() return 1 end)")
    server.reset()
    assert server.pid == pid
    assert server.call("DBSIZE") == 0
    assert server.call("CONFIG", "GET", "maxmemory")[1] == "0"
    assert server.call("ACL", "LIST") == users
    assert server.call("FUNCTION", "LIST") == []
    assert "cmdstat_set:" not in server.call("INFO", "commandstats")


def test_reset_restarts_what_cannot_be_asked(binary: Path) -> None:
    with EmbeddedServer(binary) as server:
        server.call("ACL", "SETUSER", "default", "resetpass", ">locked")
        server.reset()
        assert server.call("ACL", "WHOAMI") == "default"
        server.kill()
        server.reset()
        assert server.call("PING") == "PONG"


def test_reset_can_close_connections(server: EmbeddedServer) -> None:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
        server.reset()
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
        server.reset(disconnect=True)
        assert connection.recv(64) == b""


async def test_async_context(binary: Path) -> None:
    async with EmbeddedServer(binary) as server:
        pid = server.pid
        assert server.call("PING") == "PONG"
    assert not runs(pid)


async def test_a_cancelled_start_leaves_nothing(binary: Path) -> None:
    server = EmbeddedServer(binary)
    entering = asyncio.ensure_future(server.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert not server.alive
    assert server.folder is None


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.run(program, capture_output=True, text=True, timeout=60, env=environment, check=False)


START = """
import os, signal, sys
from redpoll.testing import EmbeddedServer
server = EmbeddedServer(sys.argv[1])
server.start()
print(server.port, server.folder, flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("server.pause(); os._exit(4)", 4),
    ],
)
def test_the_server_never_outlives_its_owner(binary: Path, ending: str, status: int) -> None:
    done = run(START + ending, str(binary))
    assert done.returncode == status, done.stderr
    port, folder = done.stdout.split()
    wait_until_gone(int(port), folder)


def test_a_forked_child_leaves_the_server_alone(binary: Path) -> None:
    fork = """
child = os.fork()
if not child:
    server.stop()
    sys.exit(0)
os.waitpid(child, 0)
assert server.call("PING") == "PONG"
"""
    done = run(START + fork, str(binary))
    assert done.returncode == 0, done.stderr


PLUGIN_TESTS = """
import socket

def test_first(redpoll_url, redpoll_server):
    assert redpoll_url == redpoll_server.url()
    assert redpoll_server.call("SET", "k", "v") == "OK"
    assert redpoll_server.call("CONFIG", "GET", "maxmemory")[1] == "9437184"

def test_second(redpoll_clean_server):
    assert redpoll_clean_server.call("DBSIZE") == 0
"""
PLUGIN_CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def redpoll_server_options():
    return {"maxmemory": "9mb"}
"""


@pytest.mark.parametrize("extra", [[], ["-p", "pytest_asyncio"]])
def test_the_pytest_plugin(tmp_path: Path, valkey: EmbeddedServer, extra: list[str]) -> None:
    (tmp_path / "test_plugin.py").write_text(PLUGIN_TESTS)
    (tmp_path / "conftest.py").write_text(PLUGIN_CONFTEST)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "redpoll_pytest",
        *extra,
        str(tmp_path),
    ]
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PATH": f"{valkey.binary.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_plugin_costs_a_run_nothing_that_does_not_use_it() -> None:
    done = run("import sys, redpoll_pytest; print(sorted(name for name in sys.modules if name.startswith('redpoll')))")
    assert done.stdout == "['redpoll_pytest']\n", done.stderr
