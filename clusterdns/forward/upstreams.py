"""Who is asked: one server, and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server to ask. `address` is canonical text, of IPv6 with its zone if it has one (`fe80::1%eth0`).

    With `tls` it is asked over TLS and nothing else (RFC 7858), and its certificate must be for `server_name`, or for
    the address if that is empty.
    """

    address: str
    port: int
    tls: bool = False
    server_name: str = ""

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
