"""What an ownership record says: the text of ExternalDNS's TXT registry, read leniently and written exactly.

    "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"

with the quotes. PrivateZone's documented TXT charset has no comma, so that semicolons are read as well (older
ExternalDNS wrote them there), and so is a value that has lost its quotes. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

_HERITAGE = "external-dns"
_PREFIX = "external-dns/"


def write(labels: Mapping[str, str]) -> str:
    """Return the text of an ownership record that carries `labels` (owner, resource), quotes included."""
    pairs = [f"heritage={_HERITAGE}", *(f"{_PREFIX}{key}={labels[key]}" for key in sorted(labels))]
    return f'"{",".join(pairs)}"'


def read(text: str) -> dict[str, str] | None:
    """Return the labels in the TXT value `text`; None if it is somebody's ordinary text."""
    if "heritage=" not in text:
        return None
    text = text.strip().strip('"')
    pairs = [pair.partition("=") for pair in text.replace(";", ",").split(",")]
    if ("heritage", "=", _HERITAGE) not in pairs:
        return None
    return {key.removeprefix(_PREFIX): value for key, _, value in pairs if key.startswith(_PREFIX)}
