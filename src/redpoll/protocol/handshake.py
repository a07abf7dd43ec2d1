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
        kind: what its failure means; that of an ``"optional"`` one means nothing, unless the server wants a password.
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
    name = settings.client_name
    auth = (
        () if settings.password is None else login(settings.username, settings.password, protocol or settings.protocol)
    )
    steps: list[Step] = []
    if (protocol or settings.protocol) == 3:
        hello: tuple[str | int, ...] = ("HELLO", 3)
        hello += auth
        if name is not None:
            hello += ("SETNAME", name)
        steps.append(Step("hello", hello))
    else:
        if auth:
            steps.append(Step("auth", auth))
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
    outcome = _outcome(settings, steps, replies)
    if isinstance(outcome, ConnectionFailed):
        del replies  # an error that the server worded may quote the password, and a traceback may show what is here
        raise outcome
    return outcome


def _outcome(
    settings: Settings, steps: Sequence[Step], replies: Sequence[Any]
) -> Ready | list[Step] | ConnectionFailed:
    ready = Ready(2, {})
    for step, reply in zip(steps, replies, strict=True):
        failed = isinstance(reply, ReplyError)
        if step.kind == "hello":
            if failed and _unknown(reply):
                return opening(settings, 2)
            if failed:
                return _failure(settings, "HELLO", reply)
            greeted = _greeted(reply)
            if isinstance(greeted, ConnectionFailed):
                return greeted
            ready = greeted
        elif failed and (step.kind != "optional" or str(reply).startswith("NOAUTH")):
            return _failure(settings, str(step.words[0]), reply)
    return ready


def login(username: str | None, password: str, protocol: Literal[2, 3]) -> tuple[str, ...]:
    """Return the words of AUTH. Servers before 6, which know no users, speak protocol 2 only."""
    if protocol == 2 and username is None:
        return ("AUTH", password)
    return ("AUTH", username or "default", password)


def refused(text: str, username: str | None, password: str | None) -> AuthenticationFailed:
    """Return the error for a server's refusal of AUTH, without what it may quote of it."""
    wants = text.startswith("NOAUTH") and password is None
    what = "the server wants a password" if wants else "the server refused the credentials"
    return AuthenticationFailed(f"{what}: {_cleaned(text, username, password)}", command="AUTH")


def _cleaned(text: str, username: str | None, password: str | None) -> str:
    text = safe_message(text)
    for secret in filter(None, (password, username)):
        text = text.replace(secret, "…")
    return text


def _greeted(reply: Any) -> Ready | ConnectionFailed:
    if reply.__class__ is not dict or reply.get("proto") != 3:
        return _final(
            ConnectionFailed("the server answered HELLO 3 with something else than protocol 3", command="HELLO")
        )
    return Ready(3, {str(field): value for field, value in reply.items()})


def _unknown(error: ReplyError) -> bool:
    text = str(error)
    return text.startswith(("NOPROTO", "NOPERM")) or text.lower().startswith("err unknown command")


def _failure(settings: Settings, command: str, error: ReplyError) -> ConnectionFailed:
    said = str(error)
    if command == "AUTH" or said.partition(" ")[0] in _CREDENTIALS:
        failed = refused(said, settings.username, settings.password)
        failed.command = command
        return failed
    text = _cleaned(said, settings.username, settings.password)
    if command == "SELECT":
        unselected = ConnectionFailed(f"database {settings.db} cannot be selected: {text}", command=command)
        return unselected if isinstance(server_error(text), Refused) else _final(unselected)
    return ConnectionFailed(f"the server refused the connection: {text}", command=command)


def _final(error: ConnectionFailed) -> ConnectionFailed:
    error.final = True
    return error
