"""Lua scripts as objects: ``script = r.script(lua)``, then ``await script(keys=[…], args=[…])``.

The script's digest is computed here. A call sends EVALSHA, and once EVAL where the server does not know the digest. In a
batch SCRIPT LOAD goes out ahead of the batch's own commands, in the same write, until its reply has shown that the
server behind this connection knows the script. A batch is never run again for a script that is missing: that command
alone then fails with ``NoScript``.

A script may have written before its connection is lost, or before it fails, so it is not run again by itself, unless it
is ``readonly`` or made with ``retry=True``. Nor is a NOSCRIPT that the script made up taken for the server's, as long as
it is not worded like it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, TypeVar, cast, overload

from typing_extensions import override

from . import arguments
from .commands import Commands
from .decoders import basic
from .errors import NoScript, ServerError, UsageError
from .faces import Queued, QueuedFace, run
from .pipeline import Pipeline
from .spec import Decoder, KeyCount, Spec
from .types import Arg, Key, Many, Value

T = TypeVar("T")

_MISSING: Final = "NOSCRIPT No matching script"  # how servers word it
_BROKEN: Final = "ERR Error compiling script"
_SHOWN: Final = 80  # characters of a script's first line that an error quotes


def _status(reply: Any) -> bool:
    """Return the bool for a script's true, false, 1, 0, nil or status."""
    return reply is not None and (reply in ("OK", b"OK") or basic.flag(reply))


def _integer(reply: Any) -> int:
    if isinstance(reply, float) and not reply.is_integer():
        raise ValueError("a whole number was expected")
    return int(reply)


def _raw(reply: Any) -> bytes:
    if not isinstance(reply, bytes):
        raise TypeError("a string was expected")
    return reply


_DECODERS: Final[dict[object, Decoder[Any]]] = {
    int: _integer,
    float: basic.to_float,
    bool: _status,
    str: basic.to_str,
    bytes: _raw,
    list: basic.listed,
    dict: basic.as_map,
    set: basic.set_of(None),
}


def decoder_of(returns: Callable[[Any], T] | None) -> Decoder[T] | None:
    """Return the decoder that ``returns=`` names; see ``Client.script``."""
    if returns is None:
        return None
    if not callable(returns):
        raise UsageError(f"returns is a type or a function of the reply, not {type(cast('object', returns)).__name__}")
    found: Decoder[T] = _DECODERS.get(returns, returns)
    return found


class Invocable(Generic[T]):
    """What is called with keys and arguments: a script, or a function of a library.

    Attributes:
        registered_client: the client it runs on unless a call names another; None where each call must.
        readonly: it only reads, so it runs on replicas too and is run again if its connection is lost.
    """

    __slots__ = ("_decode", "_spec", "_text", "readonly", "registered_client")

    def __init__(
        self,
        client: Commands[str | bytes] | None,
        command: str,
        returns: Callable[[Any], T] | None,
        readonly: bool,
        retry: bool,
    ) -> None:
        """Begin.

        Args:
            client: the client it runs on by default.
            command: the command's name, without ``_RO``.
            returns: what the reply is to become.
            readonly: it only reads.
            retry: running it twice does no harm.
        """
        self.registered_client: Commands[str | bytes] | None = client
        self.readonly: bool = readonly
        self._decode = decoder_of(returns)
        self._text = returns is not cast("object", bytes)
        self._spec: Spec[T] = self._spec_of(command, retry)

    def _spec_of(self, command: str, retry: bool) -> Spec[T]:
        name = command + "_RO" if self.readonly else command
        keys = (KeyCount(2, 3),)
        return Spec(name, self._decode, keys=keys, replay=retry or self.readonly, text=self._text)

    @overload
    def __call__(
        self, keys: Many[Key] = (), args: Many[Value] = (), client: Commands[str | bytes] | None = None
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def __call__(
        self, keys: Many[Key] = (), args: Many[Value] = (), *, client: QueuedFace[str | bytes]
    ) -> Queued[T]: ...
    @overload
    def __call__(self, keys: Many[Key], args: Many[Value], client: QueuedFace[str | bytes]) -> Queued[T]: ...
    def __call__(
        self,
        keys: Many[Key] = (),
        args: Many[Value] = (),
        client: Commands[str | bytes] | QueuedFace[str | bytes] | None = None,
    ) -> Awaitable[T]:
        """Run it: await the value. On a batch it is queued, and gives a ``Queued``.

        Args:
            keys: the keys that it touches.
            args: its further arguments.
            client: another client to run it on, or a batch to queue it on.

        Raises:
            UsageError: keys or arguments are no collections, or there is no client.
            ServerError: it failed. What it wrote before stays written.
            OutcomeUnknown: the connection was lost.
        """
        words = arguments.script(self._spec.name, keys, args, ())
        if isinstance(client, QueuedFace):
            return self._queue(client, words)
        return self._run(self._chosen(client), words)

    def _chosen(self, client: Commands[str | bytes] | None) -> Commands[str | bytes]:
        chosen = self.registered_client if client is None else client
        if chosen is None:
            raise UsageError("there is no client to run it on: pass client=", command=self._spec.name)
        return chosen

    async def _run(self, client: Commands[str | bytes], words: tuple[Arg, ...]) -> T:
        raise NotImplementedError

    def _queue(self, batch: QueuedFace[str | bytes], words: tuple[Arg, ...]) -> Queued[T]:
        raise NotImplementedError


class Script(Invocable[T], Generic[T]):
    """A Lua script. Made by ``client.script()``.

    Attributes:
        script: its source.
        sha: its SHA1 digest, 40 hexadecimal digits.
    """

    __slots__ = ("_eval", "script", "sha")

    def __init__(
        self,
        client: Commands[str | bytes] | None,
        script: str | bytes,
        *,
        readonly: bool = False,
        retry: bool = False,
        returns: Callable[[Any], T] | None = None,
    ) -> None:
        """Make a script; nothing is sent yet. See ``Client.script``."""
        super().__init__(client, "EVALSHA", returns, readonly, retry)
        self._eval: Spec[T] = self._spec_of("EVAL", retry)
        self.script: bytes = script.encode() if isinstance(script, str) else bytes(script)
        self.sha: str = hashlib.sha1(self.script, usedforsecurity=False).hexdigest()

    async def load(self, client: Commands[str | bytes] | None = None) -> str:
        """Load the script without running it; return its digest.

        Args:
            client: another client than its own.

        Raises:
            ServerError: it does not compile.
        """
        chosen = self._chosen(client)
        try:
            return await chosen.script_load(self.script)
        except ServerError as error:
            raise self.explained(error) from None

    @override
    async def _run(self, client: Commands[str | bytes], words: tuple[Arg, ...]) -> T:
        try:
            return await run(client, self._spec, (self._spec.name, self.sha, *words))
        except NoScript as error:
            if not error.message.startswith(_MISSING):
                raise
        try:
            return await run(client, self._eval, (self._eval.name, self.script, *words))
        except ServerError as error:
            raise self.explained(error) from None

    @override
    def _queue(self, batch: QueuedFace[str | bytes], words: tuple[Arg, ...]) -> Queued[T]:
        if not isinstance(batch, Pipeline):
            raise UsageError("a script is queued on a pipeline", command=self._spec.name)
        return batch.queue_script(self, self._spec, (self._spec.name, self.sha, *words))

    def explained(self, error: ServerError) -> ServerError:
        """Return an error that says which script does not compile; any other error as it is."""
        if not error.message.startswith(_BROKEN):
            return error
        line = self.script.lstrip().partition(b"\n")[0].decode("utf-8", "backslashreplace").strip()
        shown = line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
        message = f"{error.message} (script {self.sha}: {shown})"
        # Its code never began.
        return type(error)(message, outcome="not_run", command=error.command, address=error.address)

    @override
    def __repr__(self) -> str:
        return f"<Script {self.sha}{' readonly' if self.readonly else ''}>"
