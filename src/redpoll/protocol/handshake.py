"""How a connection begins: the words to send, and what their replies mean. Decisions only, no I/O.

All steps go out in one write, so a connection is ready after one round trip::

    HELLO 3 [AUTH user password] [SETNAME name] · SELECT db · CLIENT SETINFO …          protocol 3
    [AUTH …] · [CLIENT SETNAME name] · SELECT db · CLIENT SETINFO …                     protocol 2, or no HELLO there

Only what would let commands run as another user, in another database or not at all is fatal. Database 0 is never
selected: a restricted user may not be allowed to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hiredis import ReplyError
from typing_extensions import override

from redpoll.errors import AuthenticationFailed, ConnectionFailed, Refused, safe_message, server_error
from redpoll.options import VERSION, Settings

_CREDENTIALS: Final = frozenset(("WRONGPASS", "NOAUTH"))


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the handshake.

    Attributes:
        kind: what its failure means; ``"optional"`` means nothing.
        words: the command.
    """

    kind: Literal["hello", "auth", "select", "optional"]
    words: tuple[str | int, ...]

    @override
    def __repr__(self) -> str:
        return f"Step({self.kind!r})"  # the words hold the password


@dataclass(frozen=True, slots=True)
class Ready:
    """The handshake is done.

    Attributes:
        protocol: 2 or 3, as agreed.
        server: the fields of HELLO's reply, such as ``version``; empty on protocol 2.
    """

    protocol: Literal[2, 3]
    server: dict[str, Any]


def opening(settings: Settings, protocol: Literal[2, 3] | None = None) -> list[Step]:
    """Return the steps to send first, or again with ``protocol=2`` where the server refused 3."""
    name, password = settings.client_name, settings.password
    steps: list[Step] = []
    if (protocol or settings.protocol) == 3:
        hello: tuple[str | int, ...] = ("HELLO", 3)
        if password is not None:
            hello += ("AUTH", settings.username or "default", password)
        if name is not None:
            hello += ("SETNAME", name)
        steps.append(Step("hello", hello))
    else:
        if password is not None:
            user = () if settings.username is None else (settings.username,)
            steps.append(Step("auth", ("AUTH", *user, password)))
        if name is not None:
            steps.append(Step("optional", ("CLIENT", "SETNAME", name)))
    if settings.db != 0:
        steps.append(Step("select", ("SELECT", settings.db)))
    steps.append(Step("optional", ("CLIENT", "SETINFO", "LIB-NAME", "redpoll")))
    steps.append(Step("optional", ("CLIENT", "SETINFO", "LIB-VER", VERSION)))
    return steps


def judge(settings: Settings, steps: Sequence[Step], replies: Sequence[Any]) -> Ready | list[Step]:
    """Say what the replies mean.

    Args:
        settings: the client's settings.
        steps: what was sent.
        replies: what came back, one a step.

    Returns:
        ``Ready``, or the steps to send next.

    Raises:
        AuthenticationFailed: the server refused the credentials, or wants some.
        ConnectionFailed: it refused HELLO or the database otherwise.
    """
    ready = Ready(2, {})
    for step, reply in zip(steps, replies, strict=True):
        failed = isinstance(reply, ReplyError)
        if step.kind == "hello":
            if failed and _unknown(reply):
                return opening(settings, 2)
            if failed:
                raise _failure(settings, "HELLO", reply)
            ready = _greeted(reply)
        elif failed and step.kind != "optional":
            raise _failure(settings, str(step.words[0]), reply)
    return ready


def _greeted(reply: Any) -> Ready:
    if reply.__class__ is not dict or reply.get("proto") != 3:
        raise _final(
            ConnectionFailed("the server answered HELLO 3 with something else than protocol 3", command="HELLO")
        )
    return Ready(3, {str(field): value for field, value in reply.items()})


def _unknown(error: ReplyError) -> bool:
    text = str(error)
    return text.startswith(("NOPROTO", "NOPERM")) or text.lower().startswith("err unknown command")


def _failure(settings: Settings, command: str, error: ReplyError) -> ConnectionFailed:
    text = safe_message(str(error))
    for secret in (settings.password, settings.username):
        if secret:
            text = text.replace(secret, "…")
    if command == "AUTH" or text.partition(" ")[0] in _CREDENTIALS:
        wants = text.startswith("NOAUTH") and settings.password is None
        what = "the server wants a password" if wants else "the server refused the credentials"
        return AuthenticationFailed(f"{what}: {text}", command=command)
    if command == "SELECT":
        failed = ConnectionFailed(f"database {settings.db} cannot be selected: {text}", command=command)
        return failed if isinstance(server_error(text), Refused) else _final(failed)
    return ConnectionFailed(f"the server refused the connection: {text}", command=command)


def _final(error: ConnectionFailed) -> ConnectionFailed:
    error.final = True
    return error
