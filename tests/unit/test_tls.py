from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from redpoll.errors import ConnectionFailed, UsageError
from redpoll.keepalive import Keepalive
from redpoll.options import Options, parse_url, settings
from redpoll.tls import TLS, Contexts
from tests.certificates import Authority, Pair


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.pair("app@example.org")


def test_what_is_left_out_is_safe() -> None:
    context = Contexts(TLS()).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_what_is_said_is_done(authority: Authority, pair: Pair) -> None:
    value = TLS(
        ca_file=authority.ca_file,
        cert_file=str(pair.cert_file),
        key_file=pair.key_file,
        ciphers="ECDHE-ECDSA-AES128-GCM-SHA256",
        minimum_version="1.3",
    )
    context = Contexts(value).context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert [each["subject"] for each in context.get_ca_certs()] != []
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in {each["name"] for each in context.get_ciphers()}
    careless = Contexts(TLS(insecure_skip_verification=True)).context()
    assert careless.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, "'tls.ca_file'.*/nowhere/ca.pem cannot be read: No such file"),
        ({"ca_file": "KEY"}, "'tls.ca_file'.*no certificate"),
        ({"ca_file": ""}, "'tls.ca_file' must be a non-empty"),
        ({"ca_file": 1}, "'tls.ca_file' must be a non-empty str or PathLike.*not a int"),
        ({"ca_path": "/nowhere"}, "'tls.ca_path'.*/nowhere cannot be read"),
        ({"ca_path": "CERT"}, "'tls.ca_path'.*Not a directory"),
        ({"ca_data": "canary"}, "'tls.ca_data'.*no certificate"),
        ({"ca_data": b"\x00canary"}, "'tls.ca_data'.*no certificate"),
        ({"cert_file": "/nowhere/crt"}, "'tls.cert_file'.*/nowhere/crt cannot be read"),
        ({"cert_file": "CERT"}, "'tls.cert_file'.*no private key"),
        ({"cert_file": "CERT", "key_file": "/nowhere/key"}, "'tls.key_file'.*/nowhere/key cannot be read"),
        ({"cert_file": "CERT", "key_file": "OTHER"}, "'tls.key_file': the private key does not belong to"),
        ({"cert_file": "CERT", "key_file": "CERT", "key_password": "canary"}, "'tls.key_password' is wrong"),
        ({"key_file": "KEY"}, "'tls.key_file' needs 'tls.cert_file'"),
        ({"key_password": "canary"}, "'tls.key_password' needs 'tls.cert_file'"),
        ({"key_password": 1}, "'tls.key_password' must be"),
        ({"server_name": b"h"}, "'tls.server_name' must be"),
        ({"server_name": ".example"}, "'tls.server_name' must be a host's name"),
        ({"server_name": "x" * 64 + ".example"}, "'tls.server_name' must be a host's name"),
        ({"server_name": "h\0"}, "'tls.server_name' must be a host's name"),
        ({"ca_data": "-----BEGIN \u00e9"}, "'tls.ca_data'.*no certificate"),
        ({"ca_file": "a\0b"}, "'tls.ca_file' must be a path without NUL"),
        ({"cert_file": "a\0b"}, "'tls.cert_file' must be a path without NUL"),
        ({"ciphers": "NULL"}, "'tls.ciphers'.*no such ciphers"),
        ({"ciphers": "aNULL:@SECLEVEL=0"}, "'tls.ciphers'.*no such ciphers"),
        ({"ciphers": "NONE-OF-THESE"}, "'tls.ciphers'.*no such ciphers"),
        ({"minimum_version": "1.1"}, "'tls.minimum_version' must be '1.2' or '1.3'"),
        ({"minimum_version": None}, "'tls.minimum_version' must be"),
        ({"insecure_skip_verification": 1}, "True or False"),
        ({"insecure_skip_verification": True, "ca_file": "CERT"}, "ca_file would not count"),
        ({"context": "x"}, "'tls.context' must be a non-empty SSLContext"),
        ({"context": "CONTEXT", "ca_file": "CERT", "key_password": "canary"}, "instead of ca_file, key_password"),
        ({"context": "SERVER"}, "a server's context"),
    ],
)
def test_what_cannot_work_is_told_at_once(authority: Authority, pair: Pair, parts: dict[str, Any], says: str) -> None:
    words: dict[str, Any] = {
        "CERT": pair.cert_file,
        "KEY": pair.key_file,
        "OTHER": authority.pair("other@example.org").key_file,
        "CONTEXT": ssl.create_default_context(),
        "SERVER": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    }
    value = TLS(**{name: words.get(part, part) if isinstance(part, str) else part for name, part in parts.items()})
    with pytest.raises(UsageError, match=says) as caught:
        settings("localhost", 6379, {"tls": value})
    assert "canary" not in f"{caught.value}{caught.value.__context__}{value!r}"


@pytest.mark.parametrize("ciphers", ["ALL:@SECLEVEL=0", "ALL:eNULL:@SECLEVEL=0", "aNULL:ECDHE+AESGCM:@SECLEVEL=0"])
def test_no_cipher_goes_without_certificate_or_encryption(ciphers: str) -> None:
    made = settings("h", 1, {"tls": TLS(ciphers=ciphers)}).tls
    assert made is not None
    for each in made.context().get_ciphers():
        assert each["auth"] != "auth-null", each["name"]
        assert each["strength_bits"] > 0, each["name"]


def test_authorities_with_comments(authority: Authority) -> None:
    text = "# F\u0151tan\u00fas\u00edtv\u00e1ny\n" + authority.ca_file.read_text(encoding="ascii")
    for data in (text, text.encode()):
        made = settings("h", 1, {"tls": TLS(ca_data=data)}).tls
        assert made is not None
        assert len(made.context().get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tls": "yes"}, "'tls' must be a TLS, True, False or None, not a str"),
        ({"tls": 1}, "'tls' must be a TLS"),
        ({"tls": True, "path": "/run/redis.sock"}, "does not go with 'path'"),
        ({"keepalive": None}, "a Keepalive, True or False"),
        ({"keepalive": Keepalive(idle=0)}, r"'keepalive\.idle' must be a whole number from 1"),
        ({"keepalive": Keepalive(interval=1.5)}, r"'keepalive\.interval'"),  # type: ignore[arg-type]  # wrong on purpose
        ({"keepalive": Keepalive(count=128)}, r"'keepalive\.count'.*to 127"),
        ({"keepalive": Keepalive(unacknowledged=1e9)}, r"'keepalive\.unacknowledged' must be at most 86400 s"),
        ({"max_connection_age": 0}, "above 0"),
    ],
)
def test_bad_options(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        settings("localhost", 6379, options)  # type: ignore[arg-type]  # wrong on purpose


def test_no_tls() -> None:
    for given in (None, False):
        assert settings("h", 1, {"tls": given}).tls is None
    assert settings("h", 1, {}).tls is None


def test_a_host_beside_a_path() -> None:
    with pytest.raises(UsageError, match="instead of host and port"):
        settings("db.example", 6379, {"path": "/run/redis.sock"})


# Changes of the files.


def aged(*paths: Path) -> None:
    """Make files look as if they had been written a while ago."""
    for path in paths:
        os.utime(path, (1_600_000_000, 1_600_000_000))


def test_a_context_is_made_anew_where_a_file_has_changed(tmp_path: Path, authority: Authority) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.ca_file.read_bytes())
    contexts = Contexts(TLS(ca_file=ca_file))
    assert contexts.context() is not contexts.context(), "the file was changed just now: its time may not tell"
    aged(ca_file)
    first = contexts.context()
    assert contexts.context() is first
    ca_file.write_bytes(Authority(tmp_path, "second").ca_file.read_bytes())
    aged(ca_file)
    second = contexts.context()
    assert second is not first
    assert second.get_ca_certs() != first.get_ca_certs()


def test_a_file_that_has_become_useless(tmp_path: Path, authority: Authority) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.ca_file.read_bytes())
    contexts = Contexts(TLS(ca_file=ca_file))
    ca_file.write_bytes(b"half of it")
    with pytest.raises(ConnectionFailed, match=r"'tls\.ca_file'") as caught:
        contexts.context()
    assert not caught.value.final
    ca_file.unlink()
    with pytest.raises(ConnectionFailed, match="cannot be read"):
        contexts.context()
    ca_file.write_bytes(authority.ca_file.read_bytes())
    assert contexts.context()


# URLs.


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", TLS()),
        ("?tls_server_name=db.example&tls_minimum_version=1.3", TLS(server_name="db.example", minimum_version="1.3")),
        ("?ssl_ca_certs={ca}&ssl_cert_reqs=required&ssl_check_hostname=True", TLS(ca_file="{ca}")),
        ("?ssl_certfile={crt}&ssl_keyfile={key}", TLS(cert_file="{crt}", key_file="{key}")),
        ("?tls_cert_file={crt}&tls_key_file={key}", TLS(cert_file="{crt}", key_file="{key}")),
        ("?ssl_min_version=TLSv1_3&ssl_ciphers=ECDHE", TLS(minimum_version="1.3", ciphers="ECDHE")),
        ("?tls_insecure_skip_verification=true", TLS(insecure_skip_verification=True)),
    ],
)
def test_urls(authority: Authority, pair: Pair, query: str, wanted: TLS) -> None:
    files = {"ca": str(authority.ca_file), "crt": str(pair.cert_file), "key": str(pair.key_file)}
    filled = {
        name: value.format(**files) if isinstance(value := getattr(wanted, name), str) else value
        for name in TLS.__slots__
    }
    for scheme in ("rediss", "valkeys"):
        assert parse_url(f"{scheme}://h:1{query.format(**files)}", {}) == settings("h", 1, {"tls": TLS(**filled)})


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("redis://:canary@h?tls_ca_file=x", {}, "need rediss://"),
        ("unix:///p?ssl_ca_certs=x", {}, "need rediss://"),
        ("rediss://:canary@h?ssl_cert_reqs=none", {}, "can only be required"),
        ("rediss://:canary@h?ssl_check_hostname=false", {}, "can only be true"),
        ("rediss://:canary@h?ssl_keyfile=k", {}, "needs 'tls.cert_file'"),
        ("rediss://h?ssl_password=canary", {}, "needs 'tls.cert_file'"),
        ("rediss://h?tls_ca_file=a&ssl_ca_certs=b", {}, "given twice"),
        ("rediss://h?tls_server_name=a", {"tls": True}, "given twice"),
        ("rediss://h", {"tls": False}, "is encrypted"),
        ("rediss://h?tls_context=x", {}, "unknown option 'tls_context'"),
        ("rediss://h?tls_minimum_version=1.0", {}, "'1.2' or '1.3'"),
        ("redis+sentinels://h", {}, "begins with"),
    ],
)
def test_bad_urls(url: str, options: Options, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_url(url, options)
    assert "canary" not in str(caught.value)


def test_an_argument_says_more_than_the_scheme() -> None:
    value = TLS(server_name="db.example")
    assert parse_url("rediss://h", {"tls": value}) == settings("h", 6379, {"tls": value})
    assert (
        parse_url("redis://h", {"tls": True}) == parse_url("rediss://h", {"tls": None}) == parse_url("rediss://h", {})
    )
