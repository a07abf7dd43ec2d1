from __future__ import annotations

import pickle
from typing import Any

import pytest

from redpoll.credentials import Credentials, RotatingCredentials, ask, read
from redpoll.errors import AuthenticationFailed, NotSent


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("app", "pw"), ("app", "pw")),
        ((None, "pw"), (None, "pw")),
        (("", "pw"), (None, "pw")),
        (("pw",), (None, "pw")),
        (("app", ""), ("app", "")),
        (Credentials("app", "pw"), ("app", "pw")),
    ],
)
async def test_shapes(given: Any, wanted: tuple[str | None, str]) -> None:
    assert read(given) == wanted
    assert await ask(lambda: given) == wanted


@pytest.mark.parametrize(
    "given", [None, "canary", (), ("a", "b", "canary"), ("a", None), (1, "canary"), ["a", "canary"], (b"canary",)]
)
async def test_other_shapes(given: Any) -> None:
    with pytest.raises(AuthenticationFailed, match="it must give user") as caught:
        await ask(lambda: given)
    assert "canary" not in str(caught.value)
    with pytest.raises(AuthenticationFailed, match="UTF-8"):
        await ask(lambda: ("a", "canary\ud800"))


async def test_the_asynchronous_way_is_preferred() -> None:
    class Both:
        def get_credentials(self) -> tuple[str, str]:
            raise AssertionError

        async def get_credentials_async(self) -> tuple[str, str]:
            return "app", "pw"

    assert await ask(Both()) == ("app", "pw")


async def test_what_a_provider_raises() -> None:
    def broken() -> Any:
        raise KeyError("canary")

    with pytest.raises(AuthenticationFailed, match="failed with KeyError") as caught:
        await ask(broken)
    assert caught.value.__context__ is None

    def own() -> Any:
        raise NotSent("its own word")

    with pytest.raises(NotSent, match="its own word"):
        await ask(own)


def test_nothing_is_shown() -> None:
    for each in (Credentials("canary-user", "canary"), RotatingCredentials("canary-user", "canary")):
        assert "canary" not in f"{each!r}{each}{[each]}"
    assert pickle.loads(pickle.dumps(Credentials("a", "b"))) == ("a", "b")


def test_rotating() -> None:
    told: list[str] = []
    credentials = RotatingCredentials("app", "one")
    end = credentials.subscribe(lambda: told.append(credentials.get_credentials().password))
    other = credentials.subscribe(lambda: told.append("other"))
    credentials.rotate("app", "two")
    assert told == ["two", "other"]
    end()
    end()
    credentials.rotate(None, "three")
    assert told == ["two", "other", "other"]
    assert credentials.get_credentials() == (None, "three")
    other()
