"""TLS against real servers: whom a client trusts, who trusts the client, and what is told where either does not."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from redpoll import TLS, ConnectionFailed, Redis, UsageError, tls
from redpoll.testing import EmbeddedServer
from tests.certificates import Authority, Pair
from tests.conftest import SECURE, secure_server
from tests.live.test_client import until_blocked


@dataclass(frozen=True)
class Site:
    """An authority, a server with its certificate, and one that asks clients for theirs as well."""

    authority: Authority
    stranger: Authority
    folder: Path
    server: EmbeddedServer
    strict: EmbeddedServer

    @property
    def trusting(self) -> TLS:
        return TLS(ca_file=self.authority.ca_file)


@pytest.fixture(scope="module", params=SECURE)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    own = authority.pair("127.0.0.1", "localhost", "redis.example")
    program = secure_server(request.param)
    with (
        EmbeddedServer(program, tls=own.server()) as server,
        EmbeddedServer(program, tls=own.server(authority.ca_file)) as strict,
    ):
        yield Site(authority, stranger, folder, server, strict)


def client(server: EmbeddedServer, tls: TLS | bool, host: str = "127.0.0.1", **options: Any) -> Redis[Any]:
    assert server.tls_port is not None
    return Redis(host, server.tls_port, tls=tls, **options)


async def refused(r: Redis[Any], says: str, *, final: bool = True) -> ConnectionFailed:
    """Return the error of a client that cannot connect, which must come at once and be told to all kinds of calls."""
    async with r, asyncio.timeout(3):
        for call in (r.incr("n"), r.blpop("q", timeout=0)):
            with pytest.raises(ConnectionFailed, match=says) as caught:
                await call
            assert caught.value.outcome == "not_run"
            assert caught.value.final is final
        return caught.value


@pytest.mark.parametrize("protocol", [2, 3])
async def test_all_kinds_of_calls(site: Site, protocol: Any) -> None:
    site.server.reset()
    async with client(site.server, site.trusting, protocol=protocol) as r:
        assert await r.set("k", "v") is True
        assert await asyncio.gather(*(r.incr("n") for _ in range(100))) == [*range(1, 101)]
        large = "x" * 3_000_000
        assert await asyncio.gather(r.set("large", large), r.get("large")) == [True, large]
        async with r.pipeline() as p:
            got = [p.get("k") for _ in range(50)]
        assert {each.result() for each in got} == {"v"}
        waiting = asyncio.create_task(r.blpop("q", timeout=5))
        await until_blocked(r, True)
        await r.rpush("q", "x")
        assert await waiting == ("q", "x")
        async with r.dedicated() as c:
            assert await c.select(1)
            assert await c.get("k") is None


def test_over_uvloop(site: Site) -> None:
    import uvloop

    async def main() -> None:
        async with client(site.server, site.trusting) as r:
            assert await r.echo("x") == "x"
        error = await refused(client(site.server, TLS(ca_file=site.stranger.ca_file)), "certificate is not accepted")
        assert "127.0.0.1" in str(error)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_by_url(site: Site) -> None:
    base = f"rediss://127.0.0.1:{site.server.tls_port}"
    for url in (f"{base}?tls_ca_file={site.authority.ca_file}", f"{base}/0?ssl_ca_certs={site.authority.ca_file}"):
        async with Redis.from_url(url) as r:
            assert await r.echo("x") == "x"
    async with Redis.from_url(base.replace("rediss", "valkeys"), tls=site.trusting) as r:
        assert await r.echo("x") == "x"


async def test_authorities_as_data_folder_and_of_the_system(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = site.authority.ca_file.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    for data in (pem, pem.encode(), der):
        async with client(site.server, TLS(ca_data=data)) as r:
            assert await r.echo("x") == "x"
    await refused(client(site.server, True), "certificate is not accepted")
    monkeypatch.setenv("SSL_CERT_FILE", str(site.authority.ca_file))
    async with client(site.server, True) as r:
        assert await r.echo("x") == "x"


async def test_an_authority_that_is_not_trusted(site: Site) -> None:
    await refused(client(site.server, TLS(ca_file=site.stranger.ca_file)), "certificate is not accepted")


async def test_another_host(site: Site) -> None:
    trust = TLS(ca_file=site.authority.ca_file, server_name="other.example")
    await refused(client(site.server, trust), "certificate is not accepted.*other.example")
    async with client(site.server, TLS(ca_file=site.authority.ca_file, server_name="redis.example")) as r:
        assert await r.echo("x") == "x"


async def test_expired(site: Site) -> None:
    old = site.authority.pair("127.0.0.1", expired=True)
    with EmbeddedServer(site.server.binary, tls=old.server()) as server:
        await refused(client(server, site.trusting), "certificate is not accepted.*expired")


async def test_a_server_that_speaks_old_versions_only(site: Site) -> None:
    pair = site.authority.pair("127.0.0.1")
    old = {"tls-protocols": "TLSv1.1", "tls-ciphers": "DEFAULT@SECLEVEL=0"}
    with EmbeddedServer(site.server.binary, tls=pair.server(), options=old) as server:
        await refused(client(server, site.trusting), "TLS failed: .*VERSION|TLS failed: .*PROTOCOL")


async def test_versions_and_ciphers(site: Site) -> None:
    pair = site.authority.pair("127.0.0.1")
    with EmbeddedServer(site.server.binary, tls=pair.server(), options={"tls-protocols": "TLSv1.2"}) as server:
        async with client(server, TLS(ca_file=site.authority.ca_file, ciphers="ECDHE+AESGCM")) as r:
            assert await r.echo("x") == "x"
        newer = TLS(ca_file=site.authority.ca_file, minimum_version="1.3")
        await refused(client(server, newer), "TLS failed")


async def test_without_tls_on_one_side(site: Site) -> None:
    async with Redis("127.0.0.1", site.server.port, tls=site.trusting, connect_timeout=0.3, command_timeout=1) as r:
        with pytest.raises(ConnectionFailed, match="is this the server's port for TLS"):
            await r.ping()
    async with Redis("127.0.0.1", site.server.tls_port or 0, command_timeout=1) as r:
        with pytest.raises(ConnectionFailed):
            await r.ping()


# Mutual TLS.


async def test_a_clients_certificate(site: Site) -> None:
    pair = site.authority.pair("app@example.org")
    own = TLS(ca_file=site.authority.ca_file, cert_file=pair.cert_file, key_file=pair.key_file)
    async with client(site.strict, own) as r:
        assert await r.echo("x") == "x"
        assert await asyncio.wait_for(r.blpop("none", timeout=0.01), 3) is None


async def test_a_client_without_one_or_with_a_strangers(site: Site) -> None:
    pair = site.stranger.pair("app@example.org")
    strangers = TLS(ca_file=site.authority.ca_file, cert_file=pair.cert_file, key_file=pair.key_file)
    for wrong in (site.trusting, strangers):
        async with client(site.strict, wrong, command_timeout=2) as r:
            with pytest.raises(ConnectionFailed) as caught:
                await r.ping()
            assert caught.value.outcome == "not_run"


async def test_an_encrypted_key(site: Site) -> None:
    from cryptography.hazmat.primitives import serialization as pem

    pair = site.authority.pair("app@example.org")
    key = pem.load_pem_private_key(pair.key_file.read_bytes(), None)
    locked = site.folder / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"canary-key-password")
        )
    )

    def own(password: str | bytes | None) -> TLS:
        return TLS(ca_file=site.authority.ca_file, cert_file=pair.cert_file, key_file=locked, key_password=password)

    for password in ("canary-key-password", b"canary-key-password"):
        async with client(site.strict, own(password)) as r:
            assert await r.echo("x") == "x"
        assert "canary" not in repr(own(password))
    for wrong, says in ((None, "key_password' is missing"), ("canary-other", "key_password' is wrong")):
        with pytest.raises(UsageError, match=says) as caught:
            client(site.strict, own(wrong))
        assert "canary" not in str(caught.value)


# Renewal.


def renew(server: EmbeddedServer, pair: Pair) -> None:
    server.call("CONFIG", "SET", "tls-cert-file", str(pair.cert_file), "tls-key-file", str(pair.key_file))


async def test_the_servers_certificate_is_renewed(site: Site) -> None:
    site.server.reset()
    ca_file = site.folder / "trusted.pem"
    shutil.copy(site.authority.ca_file, ca_file)
    async with client(site.server, TLS(ca_file=ca_file)) as r:
        assert await r.echo("x") == "x"
        renew(site.server, site.stranger.pair("127.0.0.1"))
        site.server.call("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(ConnectionFailed, match="not accepted"):
            await r.blpop("q", timeout=1)
        shutil.copy(site.stranger.ca_file, ca_file)
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await r.echo("x") == "x"
                    break
                except ConnectionFailed:
                    await asyncio.sleep(0.05)
    site.server.reset()


async def test_the_clients_certificate_is_renewed(site: Site) -> None:
    first, second = site.authority.pair("app@example.org"), site.stranger.pair("app@example.org")
    folder = site.folder / "client"
    folder.mkdir(exist_ok=True)
    for name, path in (("crt", first.cert_file), ("key", first.key_file)):
        shutil.copy(path, folder / name)
    own = TLS(ca_file=site.authority.ca_file, cert_file=folder / "crt", key_file=folder / "key")
    async with client(site.strict, own) as r:
        assert await r.echo("x") == "x"
        site.strict.call("CONFIG", "SET", "tls-ca-cert-file", str(site.stranger.ca_file))
        shutil.copy(second.cert_file, folder / "crt")
        site.strict.call("CLIENT", "KILL", "TYPE", "normal")
        waiting = asyncio.create_task(r.echo("y"))  # certificate and key do not fit each other for now
        await asyncio.sleep(0.1)
        assert not waiting.done()
        shutil.copy(second.key_file, folder / "key")
        assert await asyncio.wait_for(waiting, 5) == "y"
    site.strict.reset()


# Opting out.


async def test_no_verification_is_loud(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    tls._warn.cache_clear()
    with caplog.at_level(logging.WARNING, "redpoll"):
        for _ in range(2):
            async with client(site.server, TLS(insecure_skip_verification=True)) as r:
                assert await r.echo("x") == "x"
    assert len([record for record in caplog.records if "without verification" in record.message]) == 1


async def test_a_context_of_ones_own(site: Site) -> None:
    own = ssl.create_default_context(cafile=site.authority.ca_file)
    async with client(site.server, TLS(context=own, server_name="redis.example")) as r:
        assert await r.echo("x") == "x"


def test_a_closed_loop_leaves_no_socket(site: Site) -> None:
    r = client(site.server, site.trusting)
    for _ in range(2):
        with asyncio.Runner() as runner:
            assert runner.run(r.echo("x")) == "x"

    async def close() -> None:
        await r.aclose()

    with asyncio.Runner() as runner:
        runner.run(close())
