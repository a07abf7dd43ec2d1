from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redpoll.errors import UsageError
from redpoll.options import Address, Options, Settings, parse_url, settings
from redpoll.reconnect import Reconnect

SECRET = "canary-password"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", Settings()),
        ("redis://db.example", Settings(Address("db.example"))),
        ("valkey://db.example:7000/3", Settings(Address("db.example", 7000), db=3)),
        ("REDIS://h/", Settings(Address("h"))),
        ("redis://[::1]:7000", Settings(Address("::1", 7000))),
        ("redis://:p%40ss%2F@h", Settings(Address("h"), password="p@ss/")),
        ("redis://us%3Aer:pw@h", Settings(Address("h"), username="us:er", password="pw")),
        ("redis://h?db=2&protocol=2&client_name=web", Settings(Address("h"), db=2, protocol=2, client_name="web")),
        ("redis://h?connect_timeout=0.5&max_leased=3", Settings(Address("h"), connect_timeout=0.5, max_leased=3)),
        ("unix:///run/redis.sock?db=1", Settings(Address(path="/run/redis.sock"), db=1)),
        (
            "redis://h?read_timeout=1&write_timeout=2&health_check=3&max_inflight=4&max_queue=5&max_queue_bytes=6",
            Settings(
                Address("h"),
                read_timeout=1.0,
                write_timeout=2.0,
                health_check=3.0,
                max_inflight=4,
                max_queue=5,
                max_queue_bytes=6,
            ),
        ),
        (
            "redis://h?reconnect=false&offline=fail&overflow=fail",
            Settings(Address("h"), reconnect=None, offline="fail", overflow="fail"),
        ),
        ("redis://h?reconnect=True", Settings(Address("h"), reconnect=Reconnect())),
        ("unix://:pw@/run/r%20s.sock", Settings(Address(path="/run/r s.sock"), password="pw")),
        ("redis://h?username=u&password=p%26w", Settings(Address("h"), username="u", password="p&w")),
    ],
)
def test_urls(url: str, expected: Settings) -> None:
    assert parse_url(url, {}) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begins with"),
        ("localhost:6379", "begins with"),
        ("http://h", "begins with"),
        ("redis+sentinel://:canary-password@h", "not supported yet"),
        ("redis+cluster://h", "not supported yet"),
        ("redis://:canary-password@h:0", "port"),
        ("redis://:canary-password@h:65536", "port"),
        ("redis://:canary-password@h:x", "port"),
        ("redis://:canary-password@[h", "malformed"),
        ("redis://:canary#password@h", "malformed|fragment"),
        ("redis://h#1", "fragment"),
        ("redis://:canary-password@h/x", "'db'"),
        ("redis://:canary-password@h/-1", "'db'"),
        ("redis://:canary-password@h/1/2", "'db'"),
        ("redis://:canary-password@h/99999999999", "'db'"),
        ("redis://:canary-password@h/1?db=2", "twice"),
        ("redis://h?db=1&db=2", "twice"),
        ("redis://:canary-password@h?ssl=true", "'ssl'"),
        ("redis://h?observer=x", "as an argument"),
        ("redis://h?decode_responses=true", "as an argument"),
        ("redis://h?canary-password", "malformed"),
        ("redis://h?canary-password=1", "unknown option"),
        ("redis://h?protocol=4", "2 or 3"),
        ("redis://h?connect_timeout=-1", "'connect_timeout'"),
        ("redis://h?connect_timeout=0", "above 0"),
        ("redis://h?connect_timeout=nan", "'connect_timeout'"),
        ("redis://canary@h", "needs a password"),
        ("redis://:canary%ff@h", "malformed"),
        ("redis://canary%ff:x@h", "malformed"),
        ("redis://:canary\npassword@h", "malformed"),
        ("redis://:canary\tpassword@h", "malformed"),
        ("unix:///%ff", "malformed"),
        ("redis://h?read_timeout=0", "above 0"),
        ("redis://h?health_check=-1", "'health_check'"),
        ("redis://h?max_inflight=0", "from 1"),
        ("redis://h?reconnect=maybe", "true or false"),
        ("redis://h?offline=later", "'wait' or 'fail'"),
        ("redis://h?on_connect=f", "as an argument"),
        ("unix://", "absolute path"),
        ("unix://host/path", "absolute path"),
    ],
)
def test_bad_urls(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_url(url, {})
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary" not in str(error)
        error = error.__cause__ or error.__context__


def test_an_option_in_the_url_and_as_an_argument() -> None:
    assert parse_url("redis://h?protocol=2", {"db": 4}) == Settings(Address("h"), db=4, protocol=2)
    with pytest.raises(UsageError, match="twice"):
        parse_url("redis://h/1", {"db": 1})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"nope": 1}, "unknown option 'nope'"),
        ({"db": -1}, "from 0"),
        ({"db": True}, "from 0"),
        ({"db": "1"}, "a str"),
        ({"protocol": 1}, "2 or 3"),
        ({"password": b"canary"}, "'password' must be a str"),
        ({"password": "canary\ud800"}, "UTF-8"),
        ({"username": "canary"}, "needs a password"),
        ({"client_name": "two words"}, "without spaces"),
        ({"client_name": ""}, "printable"),
        ({"connect_timeout": 0}, "above 0"),
        ({"connect_timeout": None}, "above 0"),
        ({"connect_timeout": float("inf")}, "above 0"),
        ({"command_timeout": float("nan")}, "above 0"),
        ({"command_timeout": True}, "above 0"),
        ({"max_leased": 0}, "from 1"),
        ({"max_reply_bytes": 10}, "from 1024"),
        ({"observer": object()}, "started and finished"),
        ({"middleware": [1]}, "callables"),
        ({"middleware": print}, "list or tuple"),
        ({"path": ""}, "'path'"),
        ({"read_timeout": 0}, "'read_timeout'.*above 0"),
        ({"write_timeout": -1}, "'write_timeout'.*above 0"),
        ({"health_check": 0}, "'health_check'.*above 0"),
        ({"reconnect": 3}, "a Reconnect, True or False"),
        ({"reconnect": None}, "a Reconnect, True or False"),
        ({"reconnect": Reconnect(initial=-1)}, r"'reconnect\.initial'"),
        ({"reconnect": Reconnect(max=float("inf"))}, r"'reconnect\.max'"),
        ({"reconnect": Reconnect(attempts=-1)}, r"'reconnect\.attempts'"),
        ({"reconnect_on_error": "READONLY"}, "a collection of error codes"),
        ({"reconnect_on_error": [1]}, "a collection of error codes"),
        ({"offline": "queue"}, "'wait' or 'fail'"),
        ({"overflow": None}, "'wait' or 'fail'"),
        ({"max_inflight": 0}, "from 1"),
        ({"max_queue": 0}, "from 1"),
        ({"max_queue_bytes": True}, "from 1"),
        ({"on_connect": 1}, "a function or None"),
        ({"on_disconnect": "f"}, "a function or None"),
        ({"on_error": []}, "a function or None"),
        ({"credentials": "canary"}, "a function that gives them"),
        ({"credentials": dict, "password": "canary"}, "instead of username and password"),
    ],
)
def test_bad_options(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        settings("localhost", 6379, options)  # type: ignore[arg-type]  # wrong on purpose
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("host", "port"), [("", 1), ("h", 0), ("h", 65536), ("h", "1"), (None, 1), ("h", True)])
def test_bad_addresses(host: Any, port: Any) -> None:
    with pytest.raises(UsageError):
        settings(host, port, {})


def test_no_limit() -> None:
    options: Options = {"command_timeout": None, "read_timeout": None, "write_timeout": None, "health_check": None}
    made = settings("h", 1, options)
    assert (made.command_timeout, made.read_timeout, made.write_timeout, made.health_check) == (None,) * 4


def test_reconnecting() -> None:
    assert settings("h", 1, {}).reconnect == settings("h", 1, {"reconnect": True}).reconnect == Reconnect()
    assert settings("h", 1, {"reconnect": False}).reconnect is None
    assert settings("h", 1, {"reconnect_on_error": ["READONLY", "MY"]}).reconnect_on_error == {"READONLY", "MY"}
    assert callable(settings("h", 1, {"reconnect_on_error": lambda error: True}).reconnect_on_error)


def test_addresses_as_text() -> None:
    assert str(Address("h", 1)) == "h:1"
    assert str(Address("::1", 1)) == "[::1]:1"
    assert str(Address(path="/p")) == "/p"


pieces = st.sampled_from(
    [
        *("redis://", "valkey://", "unix://", "@", ":", "/", "?", "&", "=", "#", "[", "]", "%", "%zz", "%40", "h", "1"),
        *(
            "db=1",
            "protocol=3",
            "client_name=",
            "\0",
            "é",
            " ",
            "\n",
            "//",
            "connect_timeout=1e9",
            "max_leased=0",
            "db",
            "rediss://",
            "tls_ca_file=/nowhere",
            f"ssl_password={SECRET}",
            "ssl_cert_reqs=none",
            "tls_minimum_version=1.3",
            "max_connection_age=60",
        ),
    ]
)


@given(st.lists(pieces, max_size=10), st.booleans())
def test_any_url_is_settings_or_refused(parts: list[str], prefixed: bool) -> None:
    url = "".join([*parts[:1], f":{SECRET}@", *parts[1:]] if prefixed else parts)
    said = ""
    try:
        parse_url(url, {})
    except UsageError as error:
        said = str(error)
    assert SECRET not in said


printable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.booleans(), printable, printable, st.integers(1, 65535), st.integers(0, 15))
def test_credentials_survive_a_url(encrypted: bool, user: str, password: str, port: int, db: int) -> None:
    scheme = "rediss" if encrypted else "redis"
    url = f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@h:{port}/{db}"
    options: Options = {"db": db, "username": user, "password": password, "tls": encrypted}
    expected = settings("h", port, options)
    assert parse_url(url, {}) == expected
    assert repr(parse_url(url, {})) == repr(settings("h", port, {"db": db, "tls": encrypted}))
