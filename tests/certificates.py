"""Certificates for tests, made anew for each run: an authority, and what it or another one signs."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme

from redpoll.testing import ServerTLS


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, each a PEM file."""

    cert_file: Path
    key_file: Path

    def server(self, ca_file: Path | None = None) -> ServerTLS:
        """Return what a server with this certificate is told; with ``ca_file`` it asks clients for one, too."""
        return ServerTLS(self.cert_file, self.key_file, ca_file)


class Authority:
    """Signs certificates.

    Attributes:
        ca_file: PEM file of its own certificate.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._count = folder, name, 0
        self._ca = trustme.CA(organization_name=name)
        self.ca_file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def pair(self, *names: str, expired: bool = False) -> Pair:
        """Make a certificate for host names, addresses or mail addresses."""
        until = datetime.datetime(2020, 1, 1) if expired else None
        since = datetime.datetime(2019, 1, 1) if expired else None
        made = self._ca.issue_cert(*names, not_after=until, not_before=since)
        self._count += 1
        pair = Pair(*(self._folder / f"{self._name}-{self._count}.{kind}" for kind in ("crt", "key")))
        made.private_key_pem.write_to_path(str(pair.key_file))
        for at, part in enumerate(made.cert_chain_pems):
            part.write_to_path(str(pair.cert_file), append=at > 0)
        return pair
