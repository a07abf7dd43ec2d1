"""Every error that redpoll raises, and what each says about the command.

    RedisError                     .outcome is "not_run", "unknown" or "ran"
    ├── UsageError                 bad argument, option or call; found before anything is sent (a ValueError)
    ├── ClientClosed               the client was closed
    ├── WrongLoop                  the client belongs to another event loop that is still open
    ├── ConnectionFailed           no connection could be made (a ConnectionError)
    │   └── AuthenticationFailed   the server refused the credentials
    ├── ConnectionLost             an established connection ended (a ConnectionError)
    │   ├── NotSent                … before any byte of the command was given to it
    │   └── OutcomeUnknown         … after that: the command may have run, or may still run
    ├── CommandTimeout             the command's deadline passed (a TimeoutError)
    ├── Overloaded                 a bounded queue is full
    ├── PoolTimeout                no connection became free in time (a TimeoutError)
    ├── ProtocolViolation          the peer does not speak RESP or breaks a limit; or a reply has a shape that its
    │                              command does not give (then the command ran)
    ├── DecodeFailed               the command ran, its reply is not UTF-8 text
    ├── TransactionBroken          MULTI/EXEC does not work on this connection
    ├── WatchConflict              a watched key changed
    ├── LockLost                   a lock is no longer its holder's
    ├── ScanInterrupted            another server took the place of the one that a scan went over
    ├── PartialOutcome             a command split over several nodes succeeded on some of them only
    └── ServerError                the server's own error reply, by its code: WrongType, ReadOnly, OutOfMemory …

An error carries the server's address, the command's name (never its arguments), the attempt and the seconds elapsed.
All errors pickle. No secret is ever part of one.

What a ``ServerError`` says of the command goes by its code. ``not_run``: the refusals that precede execution, and what
a command finds out before it changes anything: the wrong type of key (``WRONGTYPE``), a group or a key that exists or
is missing (``BUSYGROUP``, ``NOGROUP``, ``BUSYKEY``), nothing to end (``NOTBUSY``), wrong credentials (``WRONGPASS``),
an unknown protocol version (``NOPROTO``), and a plain ``ERR`` that speaks of an unknown command or subcommand, of the
number of arguments, of the syntax or of the protocol. ``ran``: any other; the server ran it and answered with an error.
A script may make up any code after it has written, so where another command's error would be ``not_run`` a script's is
``unknown``.
"""

from __future__ import annotations

import builtins
from typing import ClassVar, Final, Literal, TypeAlias

from typing_extensions import override

Outcome: TypeAlias = Literal["not_run", "unknown", "ran"]

_MEANING: Final[dict[str, str]] = {
    "not_run": "the command did not run",
    "unknown": "the command may have run, or may still run",
    "ran": "the command ran",
}


class RedisError(Exception):
    """The root of all errors of redpoll.

    Attributes:
        outcome: whether the command ran: ``"not_run"``, ``"unknown"`` or ``"ran"``.
        message: what went wrong, without the context below.
        address: ``"host:port"`` or the socket's path, where a server is involved.
        command: the command's name, such as ``"CLIENT LIST"``; never its arguments.
        attempt: which attempt failed, counted from 1.
        elapsed: seconds since the call began.
    """

    default_outcome: ClassVar[Outcome] = "unknown"

    def __init__(
        self,
        message: str = "",
        *,
        outcome: Outcome | None = None,
        address: str | None = None,
        command: str | None = None,
        attempt: int | None = None,
        elapsed: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome: Outcome = outcome or self.default_outcome
        self.address = address
        self.command = command
        self.attempt = attempt
        self.elapsed = elapsed

    @override
    def __str__(self) -> str:
        context: list[str] = []
        if self.command is not None:
            context.append(self.command)
            context.append(_MEANING[self.outcome])
        if self.address is not None:
            context.append(f"server {self.address}")
        if self.attempt is not None and self.attempt > 1:
            context.append(f"attempt {self.attempt}")
        if self.elapsed is not None:
            context.append(f"after {self.elapsed:.3f} s")
        return f"{self.message} [{'; '.join(context)}]" if context else self.message


class UsageError(RedisError, ValueError):
    """A call that cannot be right: found before anything is sent."""

    default_outcome: ClassVar[Outcome] = "not_run"


class ClientClosed(RedisError):
    """The client, or the connection, was closed by its owner."""

    default_outcome: ClassVar[Outcome] = "not_run"


class WrongLoop(RedisError):
    """The client is bound to another event loop, which is still open."""

    default_outcome: ClassVar[Outcome] = "not_run"


class ConnectionFailed(RedisError, builtins.ConnectionError):
    """No connection could be made: refused, unreachable, timed out, or the handshake failed.

    Attributes:
        final: dialling again will hardly help.
    """

    default_outcome: ClassVar[Outcome] = "not_run"
    final: bool = False


class AuthenticationFailed(ConnectionFailed):
    """The server refused the credentials. Not retried."""

    final: bool = True


class ConnectionLost(RedisError, builtins.ConnectionError):
    """An established connection ended."""


class NotSent(ConnectionLost):
    """The connection ended before any byte of the command was given to it."""

    default_outcome: ClassVar[Outcome] = "not_run"


class OutcomeUnknown(ConnectionLost):
    """The connection ended after the command was given to it and before its reply: it may have run, or may still run."""


class CommandTimeout(RedisError, builtins.TimeoutError):
    """The command's deadline passed. ``outcome`` is ``"not_run"`` where it had not been sent."""


class Overloaded(RedisError):
    """A bounded queue is full."""

    default_outcome: ClassVar[Outcome] = "not_run"


class PoolTimeout(RedisError, builtins.TimeoutError):
    """No connection became free within the wait timeout."""

    default_outcome: ClassVar[Outcome] = "not_run"


class ProtocolViolation(RedisError):
    """The peer sent what is not RESP, or broke a limit of size or depth: the connection is closed.

    Or it sent a reply of another shape than the command's: then ``outcome`` is ``"ran"``, and the connection goes on.
    """


class DecodeFailed(RedisError, ValueError):
    """The command ran, but its reply is not UTF-8 text, or no text that the given ``loads`` can read.

    A reply of another shape is a ``ProtocolViolation``.
    """

    default_outcome: ClassVar[Outcome] = "ran"


class TransactionBroken(RedisError):
    """MULTI and EXEC do not work on this connection, so a transaction would not be one."""

    default_outcome: ClassVar[Outcome] = "not_run"


class WatchConflict(RedisError):
    """A watched key changed before EXEC, so the transaction did not run."""

    default_outcome: ClassVar[Outcome] = "not_run"


class LockLost(RedisError):
    """A lock is no longer its holder's: its time was up, or somebody deleted it. Another one may hold it now."""

    default_outcome: ClassVar[Outcome] = "not_run"


class PartialOutcome(RedisError):
    """A command that was split over several nodes succeeded on some of them only."""


class ScanInterrupted(RedisError):
    """A scan cannot go on: the server that gave its cursor was replaced or restarted, and another one's keys differ."""

    default_outcome: ClassVar[Outcome] = "not_run"


class ServerError(RedisError):
    """The server's error reply. Unknown codes are raised as this class itself.

    Attributes:
        code: the reply's first word, such as ``"WRONGTYPE"``.
    """

    default_outcome: ClassVar[Outcome] = "ran"
    codes: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        message: str = "",
        *,
        outcome: Outcome | None = None,
        address: str | None = None,
        command: str | None = None,
        attempt: int | None = None,
        elapsed: float | None = None,
    ) -> None:
        super().__init__(message, outcome=outcome, address=address, command=command, attempt=attempt, elapsed=elapsed)
        self.code: str = message.partition(" ")[0]


class WrongType(ServerError):
    """The key holds another type of value."""

    codes: ClassVar[tuple[str, ...]] = ("WRONGTYPE",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NoScript(ServerError):
    """The server does not know the script's digest."""

    codes: ClassVar[tuple[str, ...]] = ("NOSCRIPT",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NoPermission(ServerError):
    """The user's ACL does not allow the command, a key or a channel."""

    codes: ClassVar[tuple[str, ...]] = ("NOPERM",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NotAuthenticated(ServerError):
    """The connection has not authenticated."""

    codes: ClassVar[tuple[str, ...]] = ("NOAUTH",)
    default_outcome: ClassVar[Outcome] = "not_run"


class OutOfMemory(ServerError):
    """The server is at ``maxmemory``."""

    codes: ClassVar[tuple[str, ...]] = ("OOM",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NoReplicas(ServerError):
    """Fewer replicas than ``min-replicas-to-write``."""

    codes: ClassVar[tuple[str, ...]] = ("NOREPLICAS",)
    default_outcome: ClassVar[Outcome] = "not_run"


class MisConfigured(ServerError):
    """The server refuses writes as it cannot persist."""

    codes: ClassVar[tuple[str, ...]] = ("MISCONF",)
    default_outcome: ClassVar[Outcome] = "not_run"


class ExecAborted(ServerError):
    """A command was refused while the transaction was queued, so nothing of it ran."""

    codes: ClassVar[tuple[str, ...]] = ("EXECABORT",)
    default_outcome: ClassVar[Outcome] = "not_run"


class BusyGroup(ServerError):
    """The consumer group exists already."""

    codes: ClassVar[tuple[str, ...]] = ("BUSYGROUP",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NoGroup(ServerError):
    """The stream or the consumer group does not exist."""

    codes: ClassVar[tuple[str, ...]] = ("NOGROUP",)
    default_outcome: ClassVar[Outcome] = "not_run"


class BusyKey(ServerError):
    """The target key exists already."""

    codes: ClassVar[tuple[str, ...]] = ("BUSYKEY",)
    default_outcome: ClassVar[Outcome] = "not_run"


class NotBusy(ServerError):
    """There is no running script or function to kill."""

    codes: ClassVar[tuple[str, ...]] = ("NOTBUSY",)
    default_outcome: ClassVar[Outcome] = "not_run"


class Unblocked(ServerError):
    """A blocked command was ended by CLIENT UNBLOCK, or as the server's role changed."""

    codes: ClassVar[tuple[str, ...]] = ("UNBLOCKED",)
    default_outcome: ClassVar[Outcome] = "not_run"


class CrossSlot(ServerError):
    """The keys of one command belong to different cluster slots."""

    codes: ClassVar[tuple[str, ...]] = ("CROSSSLOT",)
    default_outcome: ClassVar[Outcome] = "not_run"


class Refused(ServerError):
    """A refusal that precedes execution and may pass: the command did not run and may be tried again."""

    default_outcome: ClassVar[Outcome] = "not_run"


class ReadOnly(Refused):
    """A write was sent to a replica."""

    codes: ClassVar[tuple[str, ...]] = ("READONLY",)


class Loading(Refused):
    """The server is loading its data set."""

    codes: ClassVar[tuple[str, ...]] = ("LOADING",)


class MasterDown(Refused):
    """A replica lost its primary and does not serve stale data."""

    codes: ClassVar[tuple[str, ...]] = ("MASTERDOWN",)


class Busy(Refused):
    """A script or function is running."""

    codes: ClassVar[tuple[str, ...]] = ("BUSY",)


class Moved(Refused):
    """The slot belongs to another node."""

    codes: ClassVar[tuple[str, ...]] = ("MOVED",)


class Ask(Refused):
    """The slot is being migrated: this once, ask another node."""

    codes: ClassVar[tuple[str, ...]] = ("ASK",)


class TryAgain(Refused):
    """The keys are split between two nodes while their slot is migrated."""

    codes: ClassVar[tuple[str, ...]] = ("TRYAGAIN",)


class ClusterDown(Refused):
    """The cluster does not serve this slot now."""

    codes: ClassVar[tuple[str, ...]] = ("CLUSTERDOWN",)


def _classes(root: type[ServerError]) -> dict[str, type[ServerError]]:
    found = dict.fromkeys(root.codes, root)
    for sub in root.__subclasses__():
        found.update(_classes(sub))
    return found


SERVER_ERRORS: Final[dict[str, type[ServerError]]] = _classes(ServerError)

SCRIPTS: Final = frozenset(("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"))
"""Commands whose error reply does not prove that nothing ran, whatever it says."""

_NOT_RUN: Final = frozenset(("WRONGPASS", "NOPROTO"))  # codes without a class
_NOT_RUN_TEXTS: Final = (
    *("unknown command", "unknown subcommand", "wrong number of arguments"),
    *("syntax error", "protocol error"),
)

_MODIFIER: Final = "ACL SETUSER modifier '"
_LONGEST: Final = 512  # characters of a server's message that an error keeps
_BEGINNING: Final = 32  # characters of it that say what is wrong


def safe_message(message: str) -> str:
    """Return a server's message without the arguments that some messages quote, cut after 512 characters.

    "unknown command", as servers word it, is followed by the command's first arguments; AUTH's would be a password, and
    so may be a modifier of ACL SETUSER.
    """
    before, modifier, after = message.partition(_MODIFIER)
    if modifier:
        _, found, reason = after.rpartition("': ")  # a modifier may hold quotes itself
        message = before + modifier.removesuffix(" '") + (f": {reason}" if found else "")
    if "unknown " in message[:16].lower():
        message = message.partition(", with args beginning with")[0]
    return message[:_LONGEST]


def server_error(message: str, *, command: str | None = None, address: str | None = None) -> ServerError:
    """Return (not raise) the error for a server's error reply; its ``outcome`` as this module's head says.

    Args:
        message: the reply's text without its ``-``; its first word is the code. Cut after 512 characters.
        command: the command's name.
        address: the server's address.
    """
    code, _, text = message.partition(" ")
    kind = SERVER_ERRORS.get(code, ServerError)
    outcome = kind.default_outcome
    if code in _NOT_RUN or (code == "ERR" and text[:_BEGINNING].lower().startswith(_NOT_RUN_TEXTS)):
        outcome = "not_run"
    if outcome == "not_run" and command in SCRIPTS:
        outcome = "unknown"
    return kind(safe_message(message), outcome=outcome, command=command, address=address)


_BECAUSE: Final = "because of: "  # behind which a server says why it refused EXEC itself


def exec_error(message: str, *, address: str | None = None) -> ServerError:
    """Return (not raise) the error for an error reply to EXEC: where it was refused for now, that refusal.

    Args:
        message: as for ``server_error``.
        address: the server's address.
    """
    error = server_error(message, address=address)
    if isinstance(error, ExecAborted):
        because = server_error(message.partition(_BECAUSE)[2], address=address)
        if isinstance(because, Refused):
            return because
    return error
