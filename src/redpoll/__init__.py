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
    ExecAborted,
    LockLost,
    NotSent,
    OutcomeUnknown,
    Overloaded,
    PoolTimeout,
    ProtocolViolation,
    RedisError,
    ServerError,
    TransactionBroken,
    UsageError,
    WatchConflict,
    WrongLoop,
    WrongType,
)
from .events import CommandFinished, CommandStarted, Middleware, Observer
from .faces import Queued
from .functions import Function, Library
from .keepalive import Keepalive
from .lock import Lock
from .options import VERSION as __version__
from .options import Options
from .pipeline import Pipeline
from .pool import Pool, PoolStats
from .pubsub import Gap, GapSubscription, KeyEvent, Message, Subscription, keyevent, keyspace
from .reconnect import Reconnect
from .scripting import Script
from .spec import Spec
from .tls import TLS
from .transaction import Transaction
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
    "Script",
    "ServerError",
    "Spec",
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
