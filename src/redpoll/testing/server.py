"""A Valkey or Redis server that runs as long as its context.

Each server gets a temporary folder, a free port on 127.0.0.1 and no persistence. It cannot outlive its owner: leaving the
context stops it, so does the interpreter's exit, and a guard takes it down when the owner is killed outright. The guard is
a shell that reads from a pipe whose other end only the owner holds: end of file without a word means that the owner died.
That works on every POSIX system, and from any thread (Linux' parent-death signal fires when the starting *thread* ends).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import hiredis
from typing_extensions import override

from .binaries import find_server
from .wire import Call, Word, exchange

Option: TypeAlias = str | int | float | bool | Sequence[str | int | float]
"""A directive's value; a bool becomes yes or no, a sequence several words."""

_HOST: Final = "127.0.0.1"
_OWN: Final = frozenset({"bind", "daemonize", "dir", "logfile", "port", "supervised"})
_DEFAULTS: Final[Mapping[str, Option]] = {"save": "", "appendonly": False}
_PORT_TAKEN: Final = "Address already in use"
_ATTEMPTS: Final = 10  # ports tried before giving up
_POLL: Final = 0.01  # seconds between two looks at a starting server
_LOG_LINES: Final = 15  # lines of the log in an error
_LONGEST_SOCKET_PATH: Final = 100  # macOS allows 103 characters, Linux 107
_BUS: Final = 10_000  # a cluster node's bus listens on its port plus this
_GUARD: Final = 'read word || { kill -9 "$1"; rm -rf -- "$2"; }'


@dataclass(frozen=True)
class ServerTLS:
    """The certificates of a server that encrypts. All are paths of PEM files.

    Attributes:
        cert_file: its certificate.
        key_file: the private key of it.
        ca_file: the authorities that clients' certificates must come from; None to ask clients for none.
    """

    cert_file: str | os.PathLike[str]
    key_file: str | os.PathLike[str]
    ca_file: str | os.PathLike[str] | None = None

    def options(self, port: int) -> dict[str, Option]:
        """Return the configuration directives."""
        return {
            "tls-port": port,
            "tls-cert-file": os.fspath(self.cert_file),
            "tls-key-file": os.fspath(self.key_file),
            "tls-ca-cert-file": os.fspath(self.cert_file if self.ca_file is None else self.ca_file),
            "tls-auth-clients": self.ca_file is not None,
        }


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started or asked. The message ends with the last lines of its log."""


class EmbeddedServer:
    """A server process of one's own, as a context manager (``with``, or ``async with`` where a loop must not be held up).

    Attributes:
        binary: the program.
        host: always ``"127.0.0.1"``.
        port: the TCP port; kept by ``restart``.
        tls_port: the TCP port for TLS, beside the other; None without ``tls``.
        socket_path: the Unix socket, or None where the temporary folder's path is too long for one.
        folder: the temporary folder (working directory, log, socket); gone after ``stop``.
        version: such as ``"9.1.2"``.
    """

    def __init__(
        self,
        binary: str | os.PathLike[str] | None = None,
        *,
        port: int | None = None,
        options: Mapping[str, Option] | None = None,
        config: str | None = None,
        arguments: Sequence[str] = (),
        tls: ServerTLS | None = None,
        start_timeout: float = 10.0,
        stop_timeout: float = 3.0,
    ) -> None:
        """Prepare a server; ``start`` or the context runs it.

        Args:
            binary: the program; None for the one of ``redpoll[embedded]``, else one on PATH (see ``find_server``).
            port: the port; None for a free one.
            options: configuration directives, such as ``{"maxmemory": "10mb", "cluster-enabled": True}``.
            config: the text of a configuration file, for what ``options`` cannot say. Sentinels need one.
            arguments: further command-line words, such as ``("--sentinel",)``.
            tls: certificates, for a program that was built with TLS.
            start_timeout: seconds until the server must answer.
            stop_timeout: seconds it gets to end by itself before it is killed.

        Raises:
            ServerNotFound: there is no such program.
            ValueError: ``options`` sets what the embedded server decides itself.
        """
        self.binary: Path = find_server(binary)
        self.host: str = _HOST
        self.port: int = port or 0
        self.tls_port: int | None = None
        self.socket_path: str | None = None
        self.folder: Path | None = None
        self.version: str = ""
        self._fixed_port = port is not None
        self._options: dict[str, Option] = {**_DEFAULTS, **(options or {})}
        if taken := sorted(_OWN & self._options.keys()):
            raise ValueError(f"the embedded server sets {', '.join(taken)} itself")
        self._config = config
        self._arguments = tuple(arguments)
        self._tls = tls
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._pristine: tuple[dict[str, str], list[str]] | None = None

    @override
    def __repr__(self) -> str:
        state = f"{self.host}:{self.port} pid {self._process.pid}" if self._process is not None else "stopped"
        return f"<EmbeddedServer {self.binary.name} {self.version} {state}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        import asyncio

        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.shield(asyncio.to_thread(self.stop))

    @property
    def pid(self) -> int:
        """The server's process id.

        Raises:
            EmbeddedServerError: it does not run.
        """
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "log").read_text(errors="replace") if self.folder is not None else ""

    def url(self, db: int = 0) -> str:
        """Return the server's URL, such as ``redis://127.0.0.1:40123/0``; without credentials."""
        return f"redis://{self.host}:{self.port}/{db}"

    def start(self) -> None:
        """Start the server and wait until it answers. Does nothing where it runs.

        Raises:
            EmbeddedServerError: it ended, or did not answer in time.
        """
        if os.name != "posix":
            raise EmbeddedServerError("the embedded server needs Linux or macOS")
        if self.alive:
            return
        self._end()  # it may have ended by itself
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="redpoll-"))
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                if not self._fixed_port:
                    self.port = _free_port(below=65_536 - _BUS if self._options.get("cluster-enabled") else 65_536)
                if self._tls is not None and not (self._fixed_port and self.tls_port):
                    self.tls_port = _free_port(below=65_536)
                self._launch(self.folder)
                if self._answers():
                    break
                if self._fixed_port or attempt == _ATTEMPTS or _PORT_TAKEN not in self.log:
                    raise self._failed("ended while starting")
                self._end()
            self._fixed_port = True  # a restart keeps the port
            found = re.search(r"(?:version|v)=(\d+\.\d+\.\d+)", self.log)
            self.version = found[1] if found else ""
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its folder. Does nothing where it does not run."""
        self._end()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def restart(self) -> None:
        """End the server if it runs, and start it again on the same port and in the same folder."""
        self._end()
        self.start()

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would. ``restart`` brings it back."""
        process = self._running()
        process.kill()
        process.wait()
        self._end()

    def pause(self) -> None:
        """Stop the process without ending it (SIGSTOP): connections stay open and nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    def call(self, *words: Word, timeout: float = 10.0) -> Any:
        """Send one command over a connection of its own and return the reply as RESP2 gives it, text decoded.

        Args:
            *words: the command's words.
            timeout: seconds to wait.

        Raises:
            EmbeddedServerError: the server refused the command, or did not answer.
        """
        reply = self._ask([words], timeout)[0]
        if isinstance(reply, hiredis.ReplyError):
            raise EmbeddedServerError(f"{words[0]!s}: {reply}")
        return reply

    def reset(self, *, disconnect: bool = False) -> None:
        """Bring the server back to the state in which it started: data, functions, scripts, users, configuration, statistics.

        A paused server is resumed; one that ended, hangs or refuses is started anew.

        Args:
            disconnect: close the connections of all clients as well.
        """
        if not self.alive:
            self.restart()
        self.resume()
        calls: list[Call] = [
            *([("CLIENT", "KILL", "TYPE", kind) for kind in ("normal", "pubsub")] if disconnect else []),
            ("CLIENT", "UNPAUSE"),
            ("FLUSHALL",),
            ("SCRIPT", "FLUSH"),
            ("FUNCTION", "FLUSH"),
            ("SLOWLOG", "RESET"),
            ("LATENCY", "RESET"),
            ("CONFIG", "RESETSTAT"),
        ]
        known_to_some: list[Call] = [("COMMANDLOG", "RESET", kind) for kind in ("LARGE-REQUEST", "LARGE-REPLY")]
        try:
            replies = self._ask([*calls, *known_to_some], timeout=self._start_timeout)[: len(calls)]
            clean = self._restore()
        except EmbeddedServerError:
            replies, clean = [], False
        if not clean or any(isinstance(reply, hiredis.ReplyError) for reply in replies):
            self.restart()

    def _restore(self) -> bool:
        """Set configuration and users as they were when first seen; return whether they are so now."""
        now = self._settings()
        if now is None or self._pristine is None:
            return False
        if now == self._pristine:
            return True
        (config, users), (old_config, old_users) = now, self._pristine
        calls: list[Call] = [
            ("CONFIG", "SET", name, value) for name, value in old_config.items() if config.get(name) != value
        ]
        calls += [("ACL", "DELUSER", line.split()[1]) for line in users if line not in old_users]
        calls += [("ACL", "SETUSER", name, "reset", *rules) for _, name, *rules in map(str.split, old_users)]
        self._ask(calls, timeout=self._start_timeout)
        return self._settings() == self._pristine

    def _settings(self) -> tuple[dict[str, str], list[str]] | None:
        config, users = self._ask([("CONFIG", "GET", "*"), ("ACL", "LIST")], timeout=self._start_timeout)
        if isinstance(config, hiredis.ReplyError) or isinstance(users, hiredis.ReplyError):
            return None
        return dict(zip(config[::2], config[1::2], strict=True)), sorted(users)

    def _ask(self, calls: Sequence[Call], timeout: float) -> list[Any]:
        """Exchange ``calls``; authenticates where ``requirepass`` is among the options."""
        password = self._options.get("requirepass")
        extra: list[Call] = [("AUTH", str(password))] if password else []
        try:
            return exchange((self.host, self.port), [*extra, *calls], timeout)[len(extra) :]
        except OSError as error:
            raise EmbeddedServerError(f"{calls[0][0]!s}: {self.host}:{self.port}: {error}") from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise EmbeddedServerError("the server does not run")
        return self._process

    def _failed(self, what: str) -> EmbeddedServerError:
        tail = "\n".join(f"    {line}" for line in self.log.splitlines()[-_LOG_LINES:])
        return EmbeddedServerError(f"{self.binary} on {self.host}:{self.port} {what}; its log ends:\n{tail}")

    def _launch(self, folder: Path) -> None:
        command = [str(self.binary)]
        if self._config is not None:
            (folder / "server.conf").write_text(self._config)
            command.append(str(folder / "server.conf"))
        options: dict[str, Option] = {"bind": _HOST, "port": self.port, "dir": str(folder), **self._options}
        unix = str(folder / "socket")
        self.socket_path = unix if len(unix) <= _LONGEST_SOCKET_PATH else None
        if self.socket_path is not None:
            options.setdefault("unixsocket", unix)
        if self._tls is not None and self.tls_port is not None:
            options |= self._tls.options(self.tls_port)
        for name, value in options.items():
            command += [f"--{name}", *_words(value)]
        command += self._arguments
        # A session of their own: Ctrl-C in a terminal reaches the owner alone, which then stops the server in order.
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )
        self._owner = os.getpid()
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "redpoll-guard", str(self._process.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        atexit.register(self.stop)

    def _answers(self) -> bool:
        """Wait until the launched process answers; return False where it ended instead.

        Another process may hold the port: the answer counts only if it tells this server's process id.
        """
        process = self._running()
        deadline = time.monotonic() + self._start_timeout
        while process.poll() is None:
            with contextlib.suppress(EmbeddedServerError):
                ping, info = self._ask([("PING",), ("INFO", "server")], max(_POLL, deadline - time.monotonic()))
                if f"process_id:{process.pid}\r" in str(info) and ping == "PONG":
                    if self._pristine is None:
                        self._pristine = self._settings()
                    return True
                if isinstance(info, hiredis.ReplyError) and "Server initialized" in self.log:
                    return process.poll() is None  # runs, but its users may not ask for INFO
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {self._start_timeout:g} s")
            time.sleep(_POLL)
        return False

    def _end(self) -> None:
        """End the process and its guard, by their ids; a forked child of the owner leaves them alone."""
        process, self._process = self._process, None
        guard, self._guard = self._guard, None
        if process is None or self._owner != os.getpid():
            return
        atexit.unregister(self.stop)
        process.terminate()
        process.send_signal(signal.SIGCONT)  # a paused process takes the other signal only when it goes on
        try:
            process.wait(self._stop_timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if guard is not None:
            with contextlib.suppress(BrokenPipeError):
                guard.communicate(b"done\n")


def _words(value: Option) -> list[str]:
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, str | int | float):
        return [str(value)]
    return [str(word) for word in value]


def _free_port(below: int) -> int:
    """Return a port of 127.0.0.1 that was free a moment ago, under ``below``."""
    while True:
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            port: int = probe.getsockname()[1]
        if port < below:
            return port
