from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from hiredis import ReplyError

from redpoll.errors import AuthenticationFailed, ConnectionFailed
from redpoll.options import VERSION, Address, Settings
from redpoll.protocol.handshake import Ready, Step, judge, opening

HELLO = {"server": "valkey", "version": "9.1.2", "proto": 3}
SECRET = "canary-password"


def words(steps: list[Step]) -> list[tuple[str | int, ...]]:
    return [step.words for step in steps]


def answers(steps: list[Step], **by_kind: Any) -> list[Any]:
    return [by_kind.get(step.kind, HELLO if step.kind == "hello" else "OK") for step in steps]


LIBRARY = [("CLIENT", "SETINFO", "LIB-NAME", "redpoll"), ("CLIENT", "SETINFO", "LIB-VER", VERSION)]


def test_the_least() -> None:
    settings = Settings()
    steps = opening(settings)
    assert words(steps) == [("HELLO", 3), *LIBRARY]
    assert judge(settings, steps, answers(steps)) == Ready(3, HELLO)


def test_everything() -> None:
    settings = Settings(db=2, username="app", password=SECRET, client_name="web")
    steps = opening(settings)
    hello = ("HELLO", 3, "AUTH", "app", SECRET, "SETNAME", "web")
    assert words(steps) == [hello, ("SELECT", 2), *LIBRARY]
    assert words(opening(Settings(password=SECRET)))[0] == ("HELLO", 3, "AUTH", "default", SECRET)


def test_protocol_2() -> None:
    settings = Settings(db=2, password=SECRET, client_name="web", protocol=2)
    steps = opening(settings)
    assert words(steps) == [("AUTH", SECRET), ("CLIENT", "SETNAME", "web"), ("SELECT", 2), *LIBRARY]
    assert judge(settings, steps, answers(steps)) == Ready(2, {})


@pytest.mark.parametrize(
    "error",
    [
        "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'app' 'canary-password' ",
        "ERR unknown command `HELLO`, with args beginning with: `3`, ",
        "NOPROTO unsupported protocol version",
        "NOPERM this user has no permissions to run the 'hello' command",
    ],
)
def test_a_server_without_protocol_3(error: str) -> None:
    settings = Settings(username="app", password=SECRET, db=1)
    steps = opening(settings)
    refused = answers(steps, hello=ReplyError(error), select=ReplyError("NOAUTH Authentication required."))
    again = judge(settings, steps, refused)
    assert isinstance(again, list)
    assert words(again) == [("AUTH", "app", SECRET), ("SELECT", 1), *LIBRARY]
    assert judge(settings, again, answers(again)) == Ready(2, {})


def test_what_is_optional_is_never_fatal() -> None:
    for settings in (Settings(client_name="web"), Settings(client_name="web", protocol=2)):
        steps = opening(settings)
        outcome = judge(settings, steps, answers(steps, optional=ReplyError("NOPERM no CLIENT for you")))
        assert isinstance(outcome, Ready)


@pytest.mark.parametrize(
    ("settings", "replies", "kind", "says"),
    [
        (Settings(), {"hello": "NOAUTH HELLO must be called authenticated"}, AuthenticationFailed, "wants a password"),
        (Settings(password=SECRET), {"hello": "WRONGPASS invalid pair"}, AuthenticationFailed, "refused the cred"),
        (Settings(password=SECRET), {"hello": f"ERR odd {SECRET}"}, ConnectionFailed, "odd …"),
        (
            Settings(password=SECRET, protocol=2),
            {"auth": "ERR no password is set"},
            AuthenticationFailed,
            "no password",
        ),
        (
            Settings(password=SECRET, protocol=2),
            {"auth": f"ERR unknown command 'AUTH', with args beginning with: '{SECRET}'"},
            AuthenticationFailed,
            "unknown command 'AUTH'",
        ),
        (Settings(db=99), {"select": "ERR DB index is out of range"}, ConnectionFailed, "database 99"),
        (Settings(), {"hello": "ERR max number of clients reached"}, ConnectionFailed, "max number of clients"),
        (Settings(), {"hello": "DENIED protected mode"}, ConnectionFailed, "protected mode"),
    ],
)
def test_fatal(settings: Settings, replies: dict[str, str], kind: type[ConnectionFailed], says: str) -> None:
    steps = opening(settings)
    with pytest.raises(ConnectionFailed, match=says) as caught:
        judge(settings, steps, answers(steps, **{step: ReplyError(text) for step, text in replies.items()}))
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)


def test_a_password_is_wanted_on_protocol_2() -> None:
    settings = Settings(protocol=2)
    steps = opening(settings)
    with pytest.raises(AuthenticationFailed, match="wants a password"):
        judge(settings, steps, answers(steps, optional=ReplyError("NOAUTH Authentication required.")))


def test_what_a_server_quotes_is_not_at_hand_where_the_error_is_raised() -> None:
    settings = Settings(username="canary-user", password=SECRET)
    steps = opening(settings)
    with pytest.raises(ConnectionFailed) as caught:
        judge(settings, steps, answers(steps, hello=ReplyError(f"ERR {SECRET} of canary-user")))
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    ours = [frame for frame in frames if frame.filename.endswith("handshake.py") and "unit" not in frame.filename]
    assert ours
    assert "canary" not in str([frame.locals for frame in ours])


def test_another_protocol_than_asked_for() -> None:
    for reply in ({"proto": 2}, "OK", None, ["proto", 3]):
        steps = opening(Settings())
        with pytest.raises(ConnectionFailed):
            judge(Settings(), steps, answers(steps, hello=reply))


def test_the_password_is_not_shown() -> None:
    settings = Settings(Address(), username="canary-user", password=SECRET)
    assert "canary" not in repr(settings) + repr(opening(settings))


def test_the_version_is_the_projects() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'\nversion = "{VERSION}"\n' in project
