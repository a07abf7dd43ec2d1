"""Commands that change or consume the state of their connection, each on a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from redpoll import Redis
from redpoll.commands.table import FACTS
from redpoll.errors import ServerError, UsageError
from redpoll.testing import EmbeddedServer
from tests.live.commands.bare import bare
from tests.live.commands.cases import Checked
from tests.live.raw import Raw


@pytest.fixture
async def own(
    server: EmbeddedServer, protocol: Literal[2, 3], decode_responses: bool, covered: set[str]
) -> AsyncIterator[Checked]:
    async with bare(server, protocol, decode_responses) as connection:
        yield Checked(connection, str if decode_responses else bytes, covered)


@pytest.mark.covers("auth", "hello", "reset", "select")
async def test_the_connection(own: Checked, server: EmbeddedServer, protocol: int) -> None:
    server.call("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all")
    hello = await own.hello()
    assert (hello.proto, hello.mode, hello.role, hello.version) == (protocol, "standalone", "master", server.version)
    assert [module.name for module in hello.modules] == ["lua" if hello.server == "valkey" else "vectorset"]
    assert await own.auth("secret", username="bob") is True
    assert await own.acl_whoami() == "bob"
    with pytest.raises(ServerError, match="WRONGPASS"):
        await own.auth("wrong", username="bob")
    assert await own.select(1) is True
    assert (await own.client_info()).db == 1
    assert await own.reset() is True
    assert (await own.client_info()).db == 0
    again = await own.hello(protocol, auth=("bob", "secret"), setname="me")
    assert (again.proto, await own.client_getname(), await own.acl_whoami()) == (protocol, "me", "bob")


@pytest.mark.covers("client_setname", "client_setinfo", "client_no_evict", "client_no_touch")
async def test_the_client(own: Checked) -> None:
    assert await own.client_setname("me") is True
    assert await own.client_getname() == "me"
    assert await own.client_setinfo(lib_name="lib") is True
    assert await own.client_setinfo(lib_ver="1.2") is True
    info = await own.client_info()
    assert (info.name, info.lib_name, info.lib_ver) == ("me", "lib", "1.2")
    for method in (own.client_no_evict, own.client_no_touch):
        assert await method("ON") is True
        assert await method("OFF") is True


@pytest.mark.covers("client_tracking", "client_caching", "client_trackinginfo", "client_getredir")
async def test_tracking(own: Checked, server: EmbeddedServer, protocol: int) -> None:
    with Raw(server.port) as peer:
        number = peer.call("CLIENT", "ID")
        to: dict[str, Any] = {"redirect": number} if protocol == 2 else {}
        assert await own.client_tracking("ON", optin=True, **to) is True
        assert await own.client_getredir() == (number if to else 0)
        assert await own.client_caching("YES") is True
        info = await own.client_trackinginfo()
        assert (info.flags, info.redirect, info.prefixes) == (["on", "optin", "caching-yes"], number if to else 0, [])
        assert await own.client_tracking("OFF") is True
        assert await own.client_tracking("ON", bcast=True, prefix=["a:", "b:"], noloop=True, **to) is True
        info = await own.client_trackinginfo()
        assert (info.flags, sorted(info.prefixes)) == (["on", "bcast", "noloop"], ["a:", "b:"])
        assert await own.client_tracking("OFF") is True
        assert (await own.client_trackinginfo()).flags == ["off"]


@pytest.mark.covers("wait", "waitaof", "watch", "unwatch", "script_debug")
async def test_waiting_and_watching(own: Checked) -> None:
    assert await own.wait(0, 10) == 0
    assert await own.waitaof(0, 0, 10) == (0, 0)
    assert await own.watch("a", ["b"]) is True
    assert (await own.client_info()).watch == 2
    assert await own.unwatch() is True
    assert (await own.client_info()).watch == 0
    assert await own.script_debug("NO") is True


@pytest.mark.covers("client_capa", "client_import_source")
async def test_what_valkey_alone_has(
    valkey: EmbeddedServer, protocol: Literal[2, 3], decode_responses: bool, covered: set[str]
) -> None:
    async with bare(valkey, protocol, decode_responses) as connection:
        own = Checked(connection, str if decode_responses else bytes, covered)
        assert await own.client_capa("redirect") is True
        assert await own.config_set({"import-mode": "yes"}) is True
        assert await own.client_import_source("ON") is True
        assert await own.client_import_source("OFF") is True


STATE = [
    "SELECT 1", "select", "AUTH x", "HELLO 3", "RESET", "QUIT", "MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH",
    "MONITOR", "SUBSCRIBE a", "UNSUBSCRIBE", "PSUBSCRIBE a", "PUNSUBSCRIBE", "SSUBSCRIBE a", "SUNSUBSCRIBE", "READONLY",
    "READWRITE", "ASKING", "CLIENT REPLY OFF", "client setname x", "Client SetInfo lib-name x", "CLIENT TRACKING ON",
    "CLIENT CACHING YES", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON", "CLIENT CAPA redirect", "CLIENT IMPORT-SOURCE ON",
    "SCRIPT DEBUG NO", "SYNC", "PSYNC ? -1", "REPLCONF ACK 1", "WAIT 0 1", "WAITAOF 0 0 1", "HIMPORT PREPARE a b",
    "HIMPORT SET k a 1", "HIMPORT DISCARD a", "HIMPORT DISCARDALL", "CLUSTER SYNCSLOTS SYNC",
]  # fmt: skip


async def test_they_are_refused_on_a_shared_connection(valkey: EmbeddedServer, subtests: pytest.Subtests) -> None:
    async with Redis(valkey.host, valkey.port) as client:
        for line in STATE:
            with subtests.test(line):
                await refused(client, line)
        info = await client.client_info()
        assert (info.db, info.name, info.flags, info.lib_name) == (0, "", "N", "redpoll")


async def refused(client: Redis[str], line: str) -> None:
    """However it is spelled, on the client and in a batch."""
    words = line.split(" ")
    spellings: list[tuple[Any, ...]] = [
        tuple(words),
        tuple(word.encode() for word in words),
        (words[0].lower(), *words[1:]),
        tuple(word.swapcase() for word in words),
        (bytearray(words[0].encode()), *[memoryview(word.encode()) for word in words[1:]]),
        (line,),
        (line.encode(),),
    ]
    for spelling in spellings:
        with pytest.raises(UsageError) as error:
            await client.execute(*spelling)
        assert error.value.outcome == "not_run"
        pipeline = client.pipeline()
        with pytest.raises(UsageError):
            pipeline.raw(*spelling)
        assert len(pipeline) == 0
    assert await client.execute("CLIENT", "ID") > 0


def test_the_list_is_whole() -> None:
    """Whatever the generator marks as belonging to one connection is in the list above."""
    marked = {spec.name for spec in FACTS.values() if spec.dedicated}
    listed = {line.upper() for line in STATE}
    assert [name for name in marked if not any(f"{line} ".startswith(f"{name} ") for line in listed)] == []
