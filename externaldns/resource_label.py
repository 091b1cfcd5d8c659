"""The object that asked for a record, as a label: `service/shop/web`, or a digest where that has no room. Pure.

.k5xgi2lom4      the first 6 bytes of the name's SHA-256, in base32
"""

from __future__ import annotations

import base64
import hashlib

_DIGEST_BYTES = 6

DIGEST_CHARACTERS = 11
"""A dot, and 10 characters of base32."""


def digest(resource: str) -> str:
    """Return the short form of `resource`."""
    found = hashlib.sha256(resource.encode()).digest()[:_DIGEST_BYTES]
    return "." + base64.b32encode(found).decode().rstrip("=").lower()


def is_about(label: str, resource: str) -> bool:
    """Tell whether `label`, long or short, is that of `resource`."""
    return label in (resource, digest(resource))
