"""The fake server itself: it follows its script, and tells what arrived, to the byte."""

from __future__ import annotations

import socket
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fault.background import PATIENCE
from tests.fault.fake_server import (
    HELLO_3,
    NOPROTO,
    BadCommand,
    Close,
    CommandParser,
    FakeServer,
    Gate,
    Hang,
    Nothing,
    On,
    Own,
    Pieces,
    Times,
    bulk,
)


class Wire:
    """A blocking RESP client, so that the server is shown to need nothing of the test's loop."""

    def __init__(self, server: FakeServer) -> None:
        self.sock = socket.create_connection((server.host, server.port), timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *words: bytes) -> None:
        self.sock.sendall(command(*words))

    def get(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            data = self.sock.recv(count - len(got))
            assert data, f"ended after {got!r}"
            got += data
        return got

    def end(self) -> str:
        try:
            return "fin" if self.sock.recv(1) == b"" else "data"
        except ConnectionResetError:
            return "rst"


def command(*words: bytes) -> bytes:
    return b"*%d\r\n%s" % (len(words), b"".join(map(bulk, words)))


def test_its_own_sense() -> None:
    with FakeServer() as server, Wire(server) as wire:
        wire.send(b"HELLO", b"3")
        assert wire.get(4) == b"%4\r\n"
        wire.get(len(HELLO_3) - 4)
        for words, reply in (
            ((b"client", b"SETINFO", b"LIB-NAME", b"x"), b"+OK\r\n"),
            ((b"PING",), b"+PONG\r\n"),
            ((b"ECHO", b"a\r\nb"), b"$4\r\na\r\nb\r\n"),
            ((b"INCR", b"n"), b":1\r\n"),
            ((b"INCR", b"n"), b":2\r\n"),
            ((b"GET", b"n"), b"$1\r\n2\r\n"),
            ((b"GET", b"none"), b"_\r\n"),
            ((b"RPUSH", b"l", b"a", b"b"), b":2\r\n"),
            ((b"NEVER",), b"-ERR unknown command 'NEVER'\r\n"),
        ):
            wire.send(*words)
            assert wire.get(len(reply)) == reply
        assert server.count("INCR") == server.count_applied("INCR") == 2
        assert server.store.strings == {b"n": b"2"}
        assert [words[0] for words in server.commands()][:2] == [b"PING", b"ECHO"]


async def test_scripts_gates_and_closes() -> None:
    scripts = [
        [On("GET", b"$5\r\nhel", Close("fin")), On("NEVER", b"")],
        [
            On(lambda words: words[-1] == b"2", Gate("go"), Pieces(b"+yes\r\n", 1)),
            On("PING", b"+late\r\n", Close("rst")),
        ],
        [On("INCR", Own(), Hang())],
    ]
    with FakeServer(scripts) as server:
        with Wire(server) as wire:
            wire.send(b"PING")
            assert wire.get(7) == b"+PONG\r\n", "what the script does not expect is answered as ever"
            wire.send(b"get", b"k")
            assert wire.get(7) == b"$5\r\nhel"
            assert wire.end() == "fin"
        with Wire(server) as wire:
            wire.send(b"GET", b"2")
            wire.send(b"PING")
            await server.wait_received("PING", 2)
            assert server.count_applied("GET") == 0
            server.open_gate("go")
            assert wire.get(13) == b"+yes\r\n+late\r\n"
            assert wire.end() == "rst"
        with Wire(server) as wire:
            wire.send(b"INCR", b"n")
            assert wire.get(4) == b":1\r\n"
            wire.send(b"INCR", b"n")
            await server.wait_received("INCR", 2)
            assert server.count_applied("INCR") == 1
        await server.wait_ended(2)
        assert (server.connections(), server.open_connections()) == (3, 0)


def test_answers_for_all_connections() -> None:
    loading = Times(2, [b"-LOADING wait\r\n"])
    with FakeServer(answers={"HELLO": [NOPROTO], "GET": [loading], "CLIENT SETINFO": [Nothing()]}) as server:
        for reply in (b"-LOADING wait\r\n", b"-LOADING wait\r\n", b"$-1\r\n"):
            with Wire(server) as wire:
                wire.send(b"HELLO", b"3")
                assert wire.get(len(NOPROTO)) == NOPROTO
                wire.send(b"CLIENT", b"SETINFO", b"LIB-VER", b"1")
                wire.send(b"GET", b"k")
                assert wire.get(len(reply)) == reply


def test_a_greeting_and_words_unasked() -> None:
    with FakeServer(greeting=[b"-ERR max number of clients reached\r\n", Close("fin")]) as server, Wire(server) as wire:
        assert wire.get(36) == b"-ERR max number of clients reached\r\n"
        assert wire.end() == "fin"
    with FakeServer() as server, Wire(server) as wire:
        wire.send(b"PING")
        wire.get(7)
        server.send(b"+unasked\r\n")
        assert wire.get(10) == b"+unasked\r\n"
        server.close_connection("fin")
        assert wire.end() == "fin"


def test_a_malformed_command_fails_the_test() -> None:
    server = FakeServer()
    server.__enter__()
    with Wire(server) as wire:
        wire.sock.sendall(b"PING\r\n")
        assert wire.end() in {"fin", "rst"}
    with pytest.raises(AssertionError, match="malformed command"):
        server.__exit__(None, None, None)


@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=5), st.integers(1, 30))
def test_the_parser_in_every_chunking(commands: list[list[bytes]], size: int) -> None:
    data = b"".join(command(*words) for words in commands)
    parser = CommandParser()
    got = [words for at in range(0, len(data), size) for words in parser.feed(data[at : at + size])]
    assert got == [tuple(words) for words in commands]
    assert not parser.partial


@pytest.mark.parametrize("data", [b"PING\r\n", b"*0\r\n", b"*1\r\n:1\r\n", b"*01\r\n", b"*1\r\n$1\r\nab\r\n", b"*1\n"])
def test_the_parser_is_strict(data: bytes) -> None:
    with pytest.raises(BadCommand):
        list(CommandParser().feed(data))
