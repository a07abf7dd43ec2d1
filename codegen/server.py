"""Asking a running server for its command specs, over a plain blocking socket on RESP2.

The client under ``src`` is made from what this finds, so it cannot be used here.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import hiredis

from .fields import SpecError

TIMEOUT: Final = 10.0
"""Seconds to connect, and seconds that one answer may take."""


@dataclass(frozen=True)
class Answer:
    """What a server says of itself.

    Attributes:
        label: ``redis://host:port``, without credentials.
        provider: ``"redis"`` or ``"valkey"``.
        version: such as ``"9.1.2"``.
        commands: by full name, in the shape of a redis-doc file.
    """

    label: str
    provider: str
    version: str
    commands: dict[str, object]


def ask(url: str, *, limit: int, timeout: float = TIMEOUT, skipped: dict[str, str] | None = None) -> Answer:
    """Ask a server for INFO, COMMAND and COMMAND DOCS.

    Args:
        url: ``redis://[[user]:password@]host[:port]``, ``rediss://`` for TLS; ``valkey://`` and ``valkeys://`` too.
        limit: the most bytes that its answers may have.
        timeout: seconds to connect, and seconds that one answer may take.
        skipped: takes the commands that it describes wrongly, each with the reason; without it they are errors.

    Raises:
        SpecError: it cannot be reached, refuses, or does not know COMMAND DOCS (Redis before 7.0).
    """
    label = label_of(url)
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        host, port = None, 0
    secure = parts.scheme in ("rediss", "valkeys")
    if not (secure or parts.scheme in ("redis", "valkey")) or not host:
        raise SpecError(label, "", "a server is given as redis://[user:password@]host:port")
    try:
        with socket.create_connection((host, port), timeout) as plain:
            if not secure:
                return _ask(_Connection(plain, label, limit, timeout), parts.username, parts.password, skipped)
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wrapped:
                return _ask(_Connection(wrapped, label, limit, timeout), parts.username, parts.password, skipped)
    except OSError as error:
        raise SpecError(label, "", f"no answer: {error.strerror or str(error) or type(error).__name__}") from error
    except RecursionError as error:
        raise SpecError(label, "", "the server's answer is nested too deeply") from error


def label_of(url: str) -> str:
    """Return an address as messages show it: without credentials and query.

    Raises:
        SpecError: it cannot be split.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SpecError(url.partition("://")[0] + "://", "", "is no valid address") from error
    if parts.scheme.startswith("http"):
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    # A password may hold an unescaped "/" or "?", so everything before the last "@" is kept out.
    return f"{parts.scheme}://{url.partition('://')[2].rpartition('@')[2]}"


def _ask(server: _Connection, user: str | None, password: str | None, skipped: dict[str, str] | None) -> Answer:
    if password is not None:
        words = [unquote(word) for word in (user, password) if word]
        server.call("AUTH", *words)
    info = _info(server.text(server.call("INFO", "server"), "INFO"))
    valkey = info.get("server_name") == "valkey" or "valkey_version" in info
    version = info.get("valkey_version") if valkey else info.get("redis_version")
    table = server.items(server.call("COMMAND"), "COMMAND")
    docs = server.pairs(server.call("COMMAND", "DOCS"), "COMMAND DOCS")
    faults: dict[str, SpecError] = {}
    described = _gathered(
        server.label, ((_full(pair[0]), server.described([pair], "COMMAND DOCS")) for pair in docs), faults
    )
    tabled = _gathered(server.label, ((server.named(row), server.tabled([row])) for row in table), faults)
    if skipped is None:
        for error in faults.values():
            raise error
    else:
        skipped |= {name: error.about(name) for name, error in faults.items()}
    commands: dict[str, object] = {name: entry for name, entry in described.items() if name not in faults}
    for name, entry in tabled.items():
        if name not in faults:
            commands[name] = {**described.get(name, {"group": "module"}), **entry}
    return Answer(server.label, "valkey" if valkey else "redis", version or "", commands)


def _gathered(
    label: str, parts: Iterable[tuple[str, Iterator[tuple[str, dict[str, object]]]]], faults: dict[str, SpecError]
) -> dict[str, dict[str, object]]:
    """Return all entries by name; put into ``faults``, by the command, what cannot be read or is there twice."""
    found: dict[str, dict[str, object]] = {}
    for command, part in parts:
        try:
            for name, entry in part:
                if name in found:
                    raise SpecError(label, name, "is there twice")
                found[name] = entry
        except SpecError as error:
            faults.setdefault(command, error)
    return found


def _info(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in lines if colon}


class _Connection:
    """One blocking connection, and the reading of the two answers."""

    def __init__(self, sock: socket.socket, label: str, limit: int, timeout: float) -> None:
        self.sock = sock
        self.label = label
        self.limit = limit
        self.timeout = timeout
        self.reader = hiredis.Reader()

    def call(self, *words: str) -> object:
        """Send one command and return its reply, strings as bytes."""
        what = " ".join(words[:2]) if words[0] == "COMMAND" else words[0]  # AUTH's words are secret
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        deadline = time.monotonic() + self.timeout
        self.sock.settimeout(self.timeout)
        self.sock.sendall(b"".join(parts))
        while True:
            try:
                reply: Any = self.reader.gets()
            except hiredis.ProtocolError as error:
                raise SpecError(self.label, what, "the peer does not speak RESP") from error
            if reply is not False:
                break
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self.sock.recv(65536)
            if not chunk:
                raise SpecError(self.label, what, "the server closed the connection")
            self.limit -= len(chunk)
            if self.limit < 0:
                raise SpecError(self.label, what, "the server's answers are too long")
            self.reader.feed(chunk)
        if isinstance(reply, hiredis.ReplyError):
            code = str(reply).partition(" ")[0]
            raise SpecError(self.label, what, f"refused with {code[:40]}" + _hint(what, str(reply)))
        return reply

    def text(self, value: object, place: str) -> str:
        """Return a string."""
        if not isinstance(value, bytes):
            raise SpecError(self.label, place, f"a string is needed, not {type(value).__name__}")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise SpecError(self.label, place, "a string that is not UTF-8") from error

    def items(self, value: object, place: str) -> list[object]:
        """Return an array."""
        if not isinstance(value, list):
            raise SpecError(self.label, place, f"an array is needed, not {type(value).__name__}")
        return cast("list[object]", value)

    def pairs(self, value: object, place: str) -> list[tuple[str, object]]:
        """Return a flat map as pairs."""
        flat = self.items(value, place)
        if len(flat) % 2:
            raise SpecError(self.label, place, f"a map of {len(flat)} elements")
        names = [self.text(name, place) for name in flat[::2]]
        return list(zip(names, flat[1::2], strict=True))

    def plain(self, value: object, place: str) -> object:
        """Return a reply with its strings decoded."""
        if isinstance(value, list):
            return [self.plain(item, place) for item in cast("list[object]", value)]
        return self.text(value, place) if isinstance(value, bytes) else value

    def described(self, docs: list[tuple[str, object]], place: str) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield each command and subcommand of COMMAND DOCS as name and entry."""
        for name, value in docs:
            full = _full(name)
            entry: dict[str, object] = {}
            for key, fact in self.pairs(value, full):
                if key == "subcommands":
                    yield from self.described(self.pairs(fact, full), full)
                elif key == "arguments":
                    entry[key] = [self.node(node, f"{full}.arguments") for node in self.items(fact, full)]
                elif key not in ("history", "reply_schema"):
                    entry[key] = self.plain(fact, f"{full}.{key}")
            yield full, entry

    def node(self, value: object, place: str) -> dict[str, object]:
        """Return one argument node as redis-doc has it."""
        node: dict[str, object] = {}
        for key, fact in self.pairs(value, place):
            if key == "flags":
                flags = [self.text(flag, place) for flag in self.items(fact, place)]
                # An unknown flag becomes an unknown field, which the reader refuses.
                node |= dict.fromkeys(flags, True)
            elif key == "arguments":
                node[key] = [self.node(child, f"{place}.arguments") for child in self.items(fact, place)]
            else:
                node[key] = self.plain(fact, place)
        return node

    def tabled(self, table: list[object]) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield each command and subcommand of COMMAND as name and entry."""
        for value in table:
            row = self.items(value, "COMMAND")
            if len(row) < 10:
                raise SpecError(self.label, "COMMAND", f"an entry of {len(row)} elements, 10 are needed")
            full = _full(self.text(row[0], "COMMAND"))
            yield full, {
                "arity": row[1],
                "command_flags": self.plain(row[2], f"{full}.flags"),
                "acl_categories": self.plain(row[6], f"{full}.acl_categories"),
                "hints": self.plain(row[7], f"{full}.tips"),
                "key_specs": [self.key_spec(item, f"{full}.key_specs") for item in self.items(row[8], full)],
            }
            yield from self.tabled(self.items(row[9], full))

    def named(self, row: object) -> str:
        """Return the name of an entry of COMMAND, as far as it has one."""
        first = cast("list[object]", row)[0] if isinstance(row, list) and row else b"?"
        return _full(first.decode(errors="replace")) if isinstance(first, bytes) else "?"

    def key_spec(self, value: object, place: str) -> dict[str, object]:
        """Return one key spec as redis-doc has it."""
        found: dict[str, object] = {}
        for key, fact in self.pairs(value, place):
            if key in ("begin_search", "find_keys"):
                search = dict(self.pairs(fact, place))
                inner = {name: self.plain(item, place) for name, item in self.pairs(search.get("spec", []), place)}
                found[key] = {"type": self.plain(search.get("type"), place), "spec": inner}
            else:
                found[key] = self.plain(fact, place)
        return found


def _full(name: str) -> str:
    return name.replace("|", " ").upper()


def _hint(what: str, message: str) -> str:
    if message.startswith("NOPERM"):
        return ": the user needs +info, +command and +command|docs"
    if what.startswith("COMMAND") and "unknown" in message.lower():
        return f": the server does not know {what}" + (", which came with Redis 7.0" if "DOCS" in what else "")
    return ""
