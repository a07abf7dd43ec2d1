"""Libraries of server-side functions as objects: ``lib = r.library("mylib", code)``, then ``lib.function("f")``.

Functions are kept with the data and reach replicas, so there is nothing to send again: what is not there was never
loaded, and a call says so. As with scripts, a call is not run again by itself after its connection was lost, unless its
function is ``readonly`` or made with ``retry=True``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from typing_extensions import override

from .commands import Commands
from .errors import UsageError
from .faces import Queued, QueuedFace, queue, run
from .scripting import Invocable
from .types import Arg

if TYPE_CHECKING:
    from .records.commands import FunctionLibrary

T = TypeVar("T")
L = TypeVar("L")

_HEAD: Final = re.compile(rb"#![^\n]*?[ \t]name=(\S+)")
_GLOB: Final = re.compile(r"[\\*?\[\]^-]")


class Function(Invocable[T], Generic[T]):
    """A function of a library. Made by ``library.function()``.

    Attributes:
        name: its name; servers keep those of all libraries in one table.
    """

    __slots__ = ("name",)

    def __init__(
        self,
        client: Commands[str | bytes] | None,
        name: str,
        *,
        readonly: bool = False,
        retry: bool = False,
        returns: Callable[[Any], T] | None = None,
    ) -> None:
        """Make a function; nothing is sent yet. See ``Library.function``."""
        super().__init__(client, "FCALL", returns, readonly, retry)
        self.name: str = name

    @override
    async def _run(self, client: Commands[str | bytes], words: tuple[Arg, ...]) -> T:
        return await run(client, self._spec, (self._spec.name, self.name, *words))

    @override
    def _queue(self, batch: QueuedFace[str | bytes], words: tuple[Arg, ...]) -> Queued[T]:
        return queue(batch, self._spec, (self._spec.name, self.name, *words))

    @override
    def __repr__(self) -> str:
        return f"<Function {self.name}{' readonly' if self.readonly else ''}>"


class Library:
    """A library of functions. Made by ``client.library()``.

    Example:
        >>> lib = r.library("counters", code)
        >>> await lib.load(replace=True)
        >>> bump = lib.function("bump", returns=int)
        >>> await bump(keys=["visits"], args=[5])

    Attributes:
        name: its name.
        code: its source; None where it is only called.
    """

    __slots__ = ("_client", "code", "name")

    def __init__(self, client: Commands[str | bytes], name: str, code: str | bytes | None = None) -> None:
        """Make a library; nothing is sent yet. See ``Client.library``."""
        self._client = client
        self.name: str = name
        self.code: bytes | None = code.encode() if isinstance(code, str) else code
        if self.code is not None:
            found = _HEAD.match(self.code)
            if found is None or found[1].decode("utf-8", "replace") != name:
                raise UsageError(f"the code of this library begins with a line such as `#!lua name={name}`")

    @overload
    def function(self, name: str, *, readonly: bool = False, retry: bool = False) -> Function[Any]: ...
    @overload
    def function(
        self, name: str, *, returns: type[list[Any]], readonly: bool = False, retry: bool = False
    ) -> Function[list[Any]]: ...
    @overload
    def function(
        self, name: str, *, returns: type[dict[Any, Any]], readonly: bool = False, retry: bool = False
    ) -> Function[dict[Any, Any]]: ...
    @overload
    def function(
        self, name: str, *, returns: type[set[Any]], readonly: bool = False, retry: bool = False
    ) -> Function[set[Any]]: ...
    @overload
    def function(
        self, name: str, *, returns: type[L] | Callable[[Any], L], readonly: bool = False, retry: bool = False
    ) -> Function[L]: ...
    def function(
        self, name: str, *, returns: Callable[[Any], Any] | None = None, readonly: bool = False, retry: bool = False
    ) -> Function[Any]:
        """Return one of its functions, to be called with ``keys`` and ``args``.

        Args:
            name: the function's name.
            returns: what its reply is to become; see ``Client.script``.
            readonly: call it with FCALL_RO. It must be registered with the flag ``no-writes``.
            retry: running it twice does no harm.
        """
        return Function(self._client, name, readonly=readonly, retry=retry, returns=returns)

    async def load(self, *, replace: bool = False) -> str:
        """Load the library; return its name.

        Args:
            replace: take the place of a library of this name.

        Raises:
            ServerError: it does not compile, or it, or one of its functions, is there already.
            UsageError: it was made without its code.
        """
        if self.code is None:
            raise UsageError("the library was made without its code", command="FUNCTION LOAD")
        return await self._client.function_load(self.code, replace=replace)

    async def list(self, *, withcode: bool = False) -> FunctionLibrary | None:
        """Return the library as the server has it, with its functions; None where it has not.

        Args:
            withcode: its source too.
        """
        pattern = _GLOB.sub(r"\\\g<0>", self.name)
        found = await self._client.function_list(libraryname=pattern, withcode=withcode)
        return next((library for library in found if library.name == self.name), None)

    async def delete(self) -> bool:
        """Delete the library and its functions.

        Raises:
            ServerError: it is not there.
        """
        return await self._client.function_delete(self.name)

    async def dump(self) -> bytes:
        """Return a dump of all libraries of the server, as there is none of a single one."""
        return await self._client.function_dump()

    async def restore(
        self, serialized_value: bytes, *, flush: bool = False, append: bool = False, replace: bool = False
    ) -> bool:
        """Load the libraries of a dump.

        Args:
            serialized_value: what ``dump`` returned.
            flush: delete all libraries first.
            append: fail where one is there already; what the server does by itself.
            replace: take the place of those that are there.

        Raises:
            ServerError: a library is there already, or the dump is of another version or damaged.
            UsageError: more than one of these options.
        """
        return await self._client.function_restore(serialized_value, flush=flush, append=append, replace=replace)

    @override
    def __repr__(self) -> str:
        return f"<Library {self.name}>"
