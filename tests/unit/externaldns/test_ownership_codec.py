"""Encrypted ownership records: ExternalDNS's scheme, spelled out here a second time with the library alone."""

from __future__ import annotations

import base64
import gzip

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_TXT_CHARACTERS
from externaldns import ownership_value
from externaldns.ownership_codec import OwnershipCodec

KEY = bytes(range(32))
CODEC = OwnershipCodec(KEY)
LABELS = {"owner": "me", "resource": "service/shop/web"}
PLAIN = "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"


def encrypted(plain: str, key: bytes = KEY) -> str:
    """As ExternalDNS writes it: a nonce, then the sealed gzip of the text."""
    nonce = b"any 12 bytes"
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, gzip.compress(plain.encode(), mtime=0), None)).decode()


@pytest.mark.parametrize("text", [encrypted(PLAIN), f'"{encrypted(PLAIN)}"', f'"{PLAIN}"', PLAIN.replace(",", ";")])
def test_it_reads_what_externaldns_wrote_encrypted_or_not(text: str) -> None:
    assert CODEC.read(text) == LABELS


def test_what_it_writes_is_what_externaldns_reads() -> None:
    text = CODEC.write(LABELS)
    data = base64.b64decode(text.strip('"'), validate=True)
    assert gzip.decompress(AESGCM(KEY).decrypt(data[:12], data[12:], None)).decode() == PLAIN
    assert text == CODEC.write(dict(reversed(LABELS.items()))), "equal labels have equal text"
    assert text[:16] != CODEC.write({"owner": "you"})[:16], "a nonce never serves for two texts"
    assert len(text) <= PRIVATEZONE_TXT_CHARACTERS.maximum


@pytest.mark.parametrize(
    "text",
    [
        encrypted(PLAIN, b"x" * 32),
        encrypted("hello"),
        "",
        "a",
        "QUJD",
        base64.b64encode(b"x" * 40).decode(),
        '"v=spf1"',
    ],
)
def test_anything_else_is_somebodys_ordinary_text(text: str) -> None:
    assert CODEC.read(text) is None


def test_text_that_was_sealed_but_never_packed_is_ordinary_text_too() -> None:
    assert CODEC.read(base64.b64encode(b"n" * 12 + AESGCM(KEY).encrypt(b"n" * 12, b"no gzip", None)).decode()) is None


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert CODEC.read(text) == ownership_value.read(text)


@pytest.mark.parametrize(
    "text", ["k" * 32, base64.b64encode(b"k" * 32).decode(), base64.urlsafe_b64encode(b"k" * 32).decode()]
)
def test_keys(text: str) -> None:
    assert OwnershipCodec.with_key(text).key == b"k" * 32
    assert "k" * 8 not in repr(OwnershipCodec.with_key(text)), "a key must not reach a log"


@pytest.mark.parametrize("text", ["", "k" * 31, "k" * 33, base64.b64encode(b"k" * 16).decode(), "!" * 44])
def test_what_is_no_key_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="--txt-encrypt-aes-key: must be 32 bytes"):
        OwnershipCodec.with_key(text)


def test_without_a_key_the_text_is_plain() -> None:
    assert OwnershipCodec().write(LABELS) == f'"{PLAIN}"'
    assert OwnershipCodec().read(encrypted(PLAIN)) is None
