"""How ownership labels become the text of a TXT record and back: plain, or encrypted (--txt-encrypt-enabled).

    encrypted   base64( nonce (12 bytes) + AES-256-GCM( gzip( plain text without quotes ) ) ), in quotes

That is ExternalDNS's scheme, so that each can read the other's. Its nonces are random; here the nonce is made from key
and text, so that equal labels have equal text, and a nonce never serves for two texts. No I/O, no clock, no dice.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clusterdns.errors import ConfigError
from externaldns import ownership_value

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class OwnershipCodec:
    """Writes encrypted text if there is a `key`, plain text otherwise; reads both, as far as it has the key."""

    key: bytes = b""

    @classmethod
    def with_key(cls, text: str) -> OwnershipCodec:
        """Make one with the key of --txt-encrypt-aes-key: 32 bytes, as they are or as base64."""
        raw = text.encode()
        if len(raw) != _KEY_BYTES:
            try:
                raw = base64.b64decode(raw, altchars=b"-_" if {"-", "_"} & set(text) else None, validate=True)
            except binascii.Error:
                raw = b""
        if len(raw) != _KEY_BYTES:
            raise ConfigError("must be 32 bytes, as they are or in base64", source="--txt-encrypt-aes-key")
        return cls(raw)

    def write(self, labels: Mapping[str, str]) -> str:
        """Return the text that says `labels`, quotes included."""
        plain = ownership_value.write(labels)
        return f'"{self._encrypt(plain.strip(_QUOTE))}"' if self.key else plain

    def read(self, text: str) -> dict[str, str] | None:
        """Return the labels in `text`; None if it is somebody's ordinary text, or encrypted with another key."""
        plain = self._decrypt(text.strip().strip(_QUOTE)) if self.key else None
        return ownership_value.read(text if plain is None else plain)

    def _encrypt(self, plain: str) -> str:
        nonce = hmac.digest(self.key, plain.encode(), hashlib.sha256)[:_NONCE_BYTES]
        packed = gzip.compress(plain.encode(), compresslevel=9, mtime=0)
        return base64.b64encode(nonce + AESGCM(self.key).encrypt(nonce, packed, None)).decode()

    def _decrypt(self, text: str) -> str | None:
        try:
            data = base64.b64decode(text, validate=True)
            if len(data) < _NONCE_BYTES + _TAG_BYTES:
                return None
            packed = AESGCM(self.key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
            return gzip.decompress(packed).decode()
        except (ValueError, InvalidTag, OSError, EOFError, zlib.error):
            # No base64, another key, or text of another kind: the plain form counts then, as in ExternalDNS.
            return None


_QUOTE = '"'
