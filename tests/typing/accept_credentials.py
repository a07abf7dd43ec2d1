"""Credentials of all kinds, and TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import assert_type

from redis import CredentialProvider, UsernamePasswordCredentialProvider
from typing_extensions import override

from redpoll import TLS, Credentials, Keepalive, Redis, RotatingCredentials


class OfRedisPy(CredentialProvider):
    @override
    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        return ("password",)


class Own:
    async def get_credentials_async(self) -> tuple[str, str]:
        return "app", "password"


def plain() -> tuple[str, str]:
    return "app", "password"


def none_or_user() -> tuple[str | None, str]:
    return None, "password"


async def later() -> Credentials:
    return Credentials("app", "password")


Redis(credentials=plain)
Redis(credentials=none_or_user)
Redis(credentials=later)
Redis(credentials=Credentials(None, "password"))
Redis(credentials=("app", "password"))
Redis(credentials=RotatingCredentials("app", "password"))
Redis(credentials=Own())
Redis(credentials=OfRedisPy())
Redis(credentials=UsernamePasswordCredentialProvider("app", "password"))

Redis(tls=True)
Redis(tls=TLS(ca_file=Path("ca.pem"), cert_file="app.crt", key_file="app.key", minimum_version="1.3"))
Redis(tls=TLS(context=ssl.create_default_context(), server_name="db.example"))
Redis(keepalive=Keepalive(idle=30), max_connection_age=3600)


async def calls(r: Redis) -> None:
    assert_type(await r.reauthenticate(), None)
