"""redpoll: the asyncio client for Redis and Valkey whose typed commands are generated from the servers' own specs."""

from __future__ import annotations

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
    NotSent,
    OutcomeUnknown,
    Overloaded,
    PoolTimeout,
    ProtocolViolation,
    RedisError,
    ServerError,
    UsageError,
    WrongLoop,
    WrongType,
)
from .events import CommandFinished, CommandStarted, Middleware, Observer
from .faces import Queued
from .keepalive import Keepalive
from .options import VERSION as __version__
from .options import Options
from .pipeline import Pipeline
from .pool import Pool, PoolStats
from .reconnect import Reconnect
from .spec import Spec
from .tls import TLS
from .versions import supports

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
    "Credentials",
    "DecodeFailed",
    "Dedicated",
    "Keepalive",
    "Middleware",
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
    "ServerError",
    "Spec",
    "UsageError",
    "WrongLoop",
    "WrongType",
    "__version__",
    "supports",
]
