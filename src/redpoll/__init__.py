"""redpoll: the asyncio client for Redis and Valkey whose typed commands are generated from the servers' own specs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .client import Client, Redis
from .credentials import Credentials, RotatingCredentials
from .dedicated import Dedicated
from .errors import (
    AuthenticationFailed,
    ClientClosed,
    CommandTimeout,
    ConnectionFailed,
    ConnectionLost,
    DecodeFailed,
    ExecAborted,
    LockLost,
    NotSent,
    OutcomeUnknown,
    Overloaded,
    PoolTimeout,
    ProtocolViolation,
    RedisError,
    ScanInterrupted,
    ServerError,
    TransactionBroken,
    UsageError,
    WatchConflict,
    WrongLoop,
    WrongType,
)
from .events import CommandFinished, CommandStarted, Middleware, Observer
from .faces import Queued
from .keepalive import Keepalive
from .options import VERSION as __version__
from .options import Options
from .pipeline import Pipeline
from .reconnect import Reconnect
from .spec import Spec
from .tls import TLS
from .transaction import Transaction
from .versions import supports

if TYPE_CHECKING:
    from .functions import Function, Library
    from .lock import Lock
    from .monitoring import MonitorLine
    from .pool import Pool, PoolStats
    from .pubsub import Gap, GapSubscription, KeyEvent, Message, Subscription, keyevent, keyspace
    from .scripting import Script
    from .streams import Consumer, StreamEntry

_LATE: Final = {
    "functions": ("Function", "Library"),
    "lock": ("Lock",),
    "monitoring": ("MonitorLine",),
    "pool": ("Pool", "PoolStats"),
    "pubsub": ("Gap", "GapSubscription", "KeyEvent", "Message", "Subscription", "keyevent", "keyspace"),
    "scripting": ("Script",),
    "streams": ("Consumer", "StreamEntry"),
}
"""Modules that are imported with the first use of one of their names, so that a program pays for what it uses."""


__all__ = [
    "TLS",
    "AuthenticationFailed",
    "Client",
    "ClientClosed",
    "CommandFinished",
    "CommandStarted",
    "CommandTimeout",
    "ConnectionFailed",
    "ConnectionLost",
    "Consumer",
    "Credentials",
    "DecodeFailed",
    "Dedicated",
    "ExecAborted",
    "Function",
    "Gap",
    "GapSubscription",
    "Keepalive",
    "KeyEvent",
    "Library",
    "Lock",
    "LockLost",
    "Message",
    "Middleware",
    "MonitorLine",
    "NotSent",
    "Observer",
    "Options",
    "OutcomeUnknown",
    "Overloaded",
    "Pipeline",
    "Pool",
    "PoolStats",
    "PoolTimeout",
    "ProtocolViolation",
    "Queued",
    "Reconnect",
    "Redis",
    "RedisError",
    "RotatingCredentials",
    "ScanInterrupted",
    "Script",
    "ServerError",
    "Spec",
    "StreamEntry",
    "Subscription",
    "Transaction",
    "TransactionBroken",
    "UsageError",
    "WatchConflict",
    "WrongLoop",
    "WrongType",
    "__version__",
    "keyevent",
    "keyspace",
    "supports",
]


def __getattr__(name: str) -> Any:
    for module, names in _LATE.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
