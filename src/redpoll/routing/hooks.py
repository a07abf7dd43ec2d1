"""Calls what a client was given to be called: around each command, and as connections come and go.

A client without an observer and middleware has no ``Hooks``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any, Final

from redpoll.errors import RedisError
from redpoll.events import Call, CommandFinished, CommandStarted, Facts, Observer
from redpoll.options import Settings
from redpoll.types import Arg

_log: Final = logging.getLogger("redpoll")


class Hooks:
    """The observer and the middleware of one client. The observer sees what the middleware lets through to the server."""

    __slots__ = ("_address", "_db", "_middleware", "_observer")

    def __init__(self, settings: Settings) -> None:
        self._observer: Observer | None = settings.observer
        self._middleware = settings.middleware
        self._address = str(settings.address)
        self._db = settings.db

    async def call(self, spec: Facts, words: tuple[Arg, ...], run: Call) -> Any:
        """Run one command through the middleware and tell the observer.

        Args:
            spec: the command's facts.
            words: the command.
            run: sends it and gives its decoded reply.
        """

        async def observed(spec: Facts, words: tuple[Arg, ...]) -> Any:
            return await self._watched(spec.name, None, lambda: run(spec, words), _no_error)

        call: Call = observed
        for middleware in reversed(self._middleware):
            call = middleware(call)
        return await call(spec, words)

    async def batch(
        self, name: str, count: int, run: Callable[[], Awaitable[None]], error: Callable[[], BaseException | None]
    ) -> None:
        """Run a batch and tell the observer. Middleware wraps single commands only.

        Args:
            name: what it is, for the observer.
            count: how many commands it has.
            run: sends it and sets its results.
            error: gives the first command's error afterwards.
        """
        await self._watched(name, count, run, error)

    async def _watched(
        self,
        name: str,
        count: int | None,
        run: Callable[[], Awaitable[Any]],
        error: Callable[[], BaseException | None],
    ) -> Any:
        observer = self._observer
        if observer is None:
            return await run()
        event = CommandStarted(name, self._address, self._db, count)
        _tell(observer.started, event)
        begin = monotonic()
        raised: BaseException | None = None
        try:
            result = await run()
            raised = error()
            return result
        except BaseException as caught:
            raised = caught
            raise
        finally:
            _tell(observer.finished, CommandFinished(event, monotonic() - begin, raised))


class Listeners:
    """The functions that a client tells of its connections. They may be async; what they raise harms nobody."""

    __slots__ = ("_settings", "_spawn")

    def __init__(self, settings: Settings, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Begin.

        Args:
            settings: the client's settings.
            spawn: runs a coroutine as a task.
        """
        self._settings = settings
        self._spawn = spawn

    async def connected(self, face: Callable[[], Any]) -> None:
        """Call ``on_connect``, and wait until it is done.

        Args:
            face: gives the client of the new connection.
        """
        listener = self._settings.on_connect
        if listener is not None:
            try:
                result = listener(face())
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                self.broken("on_connect", error)

    def disconnected(self, reason: RedisError) -> None:
        """Call ``on_disconnect``."""
        self._tell("on_disconnect", self._settings.on_disconnect, reason)

    def failed(self, error: Exception) -> None:
        """Call ``on_error``."""
        self._tell("on_error", self._settings.on_error, error)

    def _tell(self, name: str, listener: Callable[[Any], object] | None, event: Exception) -> None:
        if listener is None:
            return
        try:
            result = listener(event)
        except Exception as error:
            self.broken(name, error)
            return
        if inspect.isawaitable(result):
            self._spawn(self._rest(name, result))

    async def _rest(self, name: str, result: Awaitable[object]) -> None:
        try:
            await result
        except Exception as error:
            self.broken(name, error)

    def broken(self, name: str, error: Exception) -> None:
        """Log that a function of the user's failed, and call ``on_error``."""
        _log.error("%s failed; the client goes on", name, exc_info=error)
        if name != "on_error":
            self.failed(error)


def hooks_of(settings: Settings) -> Hooks | None:
    """Return a client's hooks; None where it has neither an observer nor middleware."""
    return None if settings.observer is None and not settings.middleware else Hooks(settings)


def _no_error() -> BaseException | None:
    return None


def _tell(listener: Callable[[Any], None], event: object) -> None:
    try:
        listener(event)
    except Exception:
        _log.exception("an observer failed; the command goes on")
