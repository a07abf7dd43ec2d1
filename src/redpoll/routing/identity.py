"""Which server a connection leads to: what must not go on elsewhere, such as the cursor of a scan, asks for it."""

from __future__ import annotations

import re
from typing import Any, Final

from redpoll.errors import ServerError
from redpoll.shapes import decoded
from redpoll.spec import Spec
from redpoll.transport.connection import Connection

from .link import Link

_RUN_ID: Final = re.compile(rb"\brun_id:(\w+)")


def _run_id(reply: Any) -> object:
    found = _RUN_ID.search(reply)
    return object() if found is None else found[1]


_INFO: Final[Spec[object]] = Spec("INFO", _run_id, replay=True, text=False)


async def identity(link: Link, limit: float | None) -> tuple[Connection, object]:
    """Return the connection that calls are sent on now, and what tells its server's run from every other.

    The server is asked once a connection. Where it does not say, each connection counts as one to a server of its own.

    Args:
        link: runs the commands.
        limit: seconds that asking may take; None for no limit.

    Raises:
        RedisError: there is no connection.
    """
    while True:
        connection = link.connection
        if connection is not None and connection.server is not None:
            return connection, connection.server
        try:
            reply = await link.submit(_INFO, ("INFO", "server"), False, limit, True)
            server = decoded(_INFO, reply, link.address)
        except ServerError:  # the user may not ask
            server = object()
        if connection is not None and link.connection is connection:  # else another one may have answered
            connection.server = server
