"""How a connection is encrypted, and whom it trusts.

``tls=True`` is what most need: the server's certificate must lead to an authority of the system and name the host, over
TLS 1.2 or newer. ``TLS`` says what differs.

The files are read when a client is made, so that what cannot work is told there, and anew for each connection once
they have changed: a renewed certificate takes no restart.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

from typing_extensions import override

from .errors import ConnectionFailed, UsageError

_log: Final = logging.getLogger("redpoll")
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_SETTLED: Final = 2.0  # seconds after which a change of a file shows in its time for sure
_PEM: Final = b"-----BEGIN"
_PATHS: Final = ("ca_file", "ca_path", "cert_file", "key_file")

T = TypeVar("T")
File: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class TLS:
    """How a connection is encrypted. What is left out is as safe as it can be.

    Attributes:
        ca_file: PEM file of the authorities to trust, instead of the system's.
        ca_path: folder of such files, named by OpenSSL's hashes.
        ca_data: such authorities themselves: PEM, or DER as bytes.
        cert_file: PEM file of the client's own certificate and what leads to its authority (mutual TLS).
        key_file: PEM file of its private key; None where that is in ``cert_file``.
        key_password: password of an encrypted key.
        server_name: the name that the server's certificate must have, and that the server is asked for, instead of the
            host to connect to.
        ciphers: the ciphers of TLS 1.2, in OpenSSL's notation; those without a certificate or without encryption are
            never among them.
        minimum_version: the oldest version of TLS that is spoken, ``"1.2"`` or ``"1.3"``.
        context: a ready-made context instead of all these but ``server_name``. It is used as it is.
        insecure_skip_verification: take any certificate of any server. Whoever is between client and server then reads
            and changes everything, the password included.
    """

    ca_file: File | None = None
    ca_path: File | None = None
    ca_data: str | bytes | None = field(default=None, repr=False)
    cert_file: File | None = None
    key_file: File | None = None
    key_password: str | bytes | None = field(default=None, repr=False)
    server_name: str | None = None
    ciphers: str | None = None
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    context: ssl.SSLContext | None = None
    insecure_skip_verification: bool = False


class Contexts:
    """The contexts of one ``TLS``, made anew where a file has changed.

    Attributes:
        value: what they are made from.
    """

    __slots__ = ("_made", "_seen", "value")

    def __init__(self, value: TLS) -> None:
        """Read the files for the first time.

        Raises:
            UsageError: an option is none, does not go with another, or names what cannot be read or used.
        """
        self.value: TLS = value
        _check(value)
        self._seen: object = None
        try:
            self._made = self._make()
        except _Unusable as error:
            wrong = str(error)
        else:
            if self._made.verify_mode is not ssl.CERT_REQUIRED or not self._made.check_hostname:
                _warn()
            return
        raise UsageError(wrong)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contexts) and self.value == other.value

    @override
    def __hash__(self) -> int:
        return hash(self.value)

    @override
    def __repr__(self) -> str:
        return repr(self.value)

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises:
            ConnectionFailed: a file cannot be read or used any more.
        """
        try:
            if self._seen is None or self._seen != self._look():
                self._made = self._make()
            return self._made
        except _Unusable as error:
            wrong = str(error)
        raise ConnectionFailed(f"cannot connect: {wrong}")

    def _make(self) -> ssl.SSLContext:
        if self.value.context is not None:
            return self.value.context
        # Looked at before they are read: a change in between shows at the next look.
        seen = self._look()
        made = _make(self.value)
        self._seen = seen
        return made

    def _look(self) -> object:
        """Return what tells whether a file has changed; None where that cannot be told as one was changed just now."""
        seen: list[object] = []
        latest = time.time() - _SETTLED
        for path in _files(self.value):
            try:
                found = path.stat()
            except OSError:
                seen.append(None)
                continue
            seen.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
            if found.st_mtime > latest:
                return None
        return seen


class _Unusable(Exception):
    """Says what cannot be used, and why."""


def _files(value: TLS) -> Iterator[Path]:
    for name in _PATHS:
        path: File | None = getattr(value, name)
        if path is not None:
            yield Path(path)
    if value.ca_path is not None:
        try:
            yield from sorted(Path(value.ca_path).iterdir())
        except OSError:
            return
    if value.ca_file is value.ca_path is value.ca_data is None:
        system = ssl.get_default_verify_paths()
        yield from map(Path, filter(None, (system.cafile, system.capath)))


def _check(value: TLS) -> None:
    """Refuse what is wrong whatever the files hold."""
    for name, kinds in _KINDS.items():
        given: object = getattr(value, name)
        if given is not None and (not isinstance(given, kinds) or given in ("", b"")):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"option 'tls.{name}' must be a non-empty {wanted}, or None, not a {type(given).__name__}")
        if given is not None and name in _PATHS and "\0" in str(given):
            raise UsageError(f"option 'tls.{name}' must be a path without NUL")
    if value.server_name is not None and not _is_host(value.server_name):
        raise UsageError("option 'tls.server_name' must be a host's name or address")
    if value.minimum_version not in _VERSIONS:
        hint = "older ones are broken; for those there is 'tls.context'"
        raise UsageError(f"option 'tls.minimum_version' must be {' or '.join(map(repr, _VERSIONS))}; {hint}")
    if type(value.insecure_skip_verification) is not bool:
        raise UsageError("option 'tls.insecure_skip_verification' must be True or False")
    _check_together(value)


def _check_together(value: TLS) -> None:
    """Refuse what does not go together."""
    given = {each.name for each in fields(TLS) if getattr(value, each.name) != each.default}
    if value.context is not None:
        if more := sorted(given - {"context", "server_name"}):
            raise UsageError(f"option 'tls.context' stands instead of {', '.join(more)}; give one of them")
        if value.context.protocol is ssl.PROTOCOL_TLS_SERVER:
            raise UsageError("option 'tls.context' is a server's context; make it with PROTOCOL_TLS_CLIENT")
    if value.insecure_skip_verification and (more := sorted(given & {"ca_file", "ca_path", "ca_data"})):
        raise UsageError(f"option 'tls.insecure_skip_verification' trusts anybody: {', '.join(more)} would not count")
    if value.cert_file is None and (more := sorted(given & {"key_file", "key_password"})):
        raise UsageError(f"option 'tls.{more[0]}' needs 'tls.cert_file'")


def _is_host(name: str) -> bool:
    try:
        return "\0" not in name and not name.startswith(".") and name.encode("idna") != b""
    except UnicodeError:
        return False


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(_PATHS, (str, os.PathLike)),
    **dict.fromkeys(("ca_data", "key_password"), (str, bytes)),
    **dict.fromkeys(("server_name", "ciphers"), (str,)),
    "context": (ssl.SSLContext,),
}


def _make(value: TLS) -> ssl.SSLContext:
    for name, attempt in (("ca_file", _open), ("ca_path", os.listdir), ("cert_file", _open), ("key_file", _open)):
        path: File | None = getattr(value, name)
        if path is not None:
            _attempt(f"tls.{name}", f"{os.fspath(path)} cannot be read", partial(attempt, path))
    if value.insecure_skip_verification:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = _trusting(value)
    context.minimum_version = _VERSIONS[value.minimum_version]
    if value.ciphers is not None:
        # Anonymous ciphers ask for no certificate at all, whatever is to be verified; null ciphers do not encrypt.
        safe = f"{value.ciphers}:!aNULL:!eNULL"
        _attempt("tls.ciphers", "OpenSSL knows no such ciphers that are safe", partial(context.set_ciphers, safe))
    if value.cert_file is not None:
        _identify(value, value.cert_file, context)
    return context


def _open(path: File) -> None:
    Path(path).open("rb").close()


def _trusting(value: TLS) -> ssl.SSLContext:
    data = value.ca_data
    if isinstance(data, bytes) and _PEM in data:
        data = data.decode("latin-1")
    if isinstance(data, str):
        data = data.encode("ascii", "replace")  # names of authorities in comments need not be ASCII
        data = data.decode()
    name = (
        "tls.ca_file" if value.ca_data is None else "tls.ca_data" if value.ca_file is None else "tls.ca_file or ca_data"
    )
    what = "there is no certificate in it (PEM, or DER as bytes in ca_data)"
    make = partial(ssl.create_default_context, cafile=value.ca_file, capath=value.ca_path, cadata=data)
    return _attempt(name, what, make)


def _identify(value: TLS, cert_file: File, context: ssl.SSLContext) -> None:
    # Without a password of our own OpenSSL would ask for one at the terminal, and wait.
    password = value.key_password or ""
    name = "tls.cert_file" if value.key_file is None else "tls.key_file"
    try:
        context.load_cert_chain(cert_file, value.key_file, password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or ""
    else:
        return
    if reason == "KEY_VALUES_MISMATCH":
        raise _Unusable(f"option {name!r}: the private key does not belong to the certificate in cert_file")
    hint = "wrong" if value.key_password is not None else "missing"
    raise _Unusable(
        f"option {name!r}: no private key and certificate in PEM can be loaded, or the key is encrypted and "
        f"'tls.key_password' is {hint}"
    )


def _attempt(name: str, what: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except (OSError, ValueError) as error:
        system = "" if isinstance(error, ssl.SSLError) or not isinstance(error, OSError) else f": {error.strerror}"
    raise _Unusable(f"option {name!r}: {what}{system}")


@cache
def _warn() -> None:
    """Say it once a process."""
    _log.warning("TLS without verification: the server may be anybody's, and so may whoever reads along")
