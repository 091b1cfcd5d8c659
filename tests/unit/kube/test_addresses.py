"""IP addresses: which text is one, its one spelling, and its bytes."""

from __future__ import annotations

import pytest

from clusterdns.kube.addresses import canonical_address, pack, spell

SPELLINGS = [
    ("10.0.0.1", "10.0.0.1", "0a000001"),
    ("FD00:0::1", "fd00::1", "fd000000000000000000000000000001"),
    ("::ffff:10.0.0.1", "10.0.0.1", "0a000001"),
    ("::", "::", "00" * 16),
]


@pytest.mark.parametrize(("text", "canonical", "packed"), SPELLINGS)
def test_spellings(text: str, canonical: str, packed: str) -> None:
    assert canonical_address(text) == canonical
    assert pack(canonical) == bytes.fromhex(packed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.1", "10.0.0.1"), ("FD00:0::1", "fd00::1"), ("::", "::"), ("::FFFF:10.0.0.1", "::ffff:10.0.0.1")],
)
def test_a_spelling_stays_in_its_family(text: str, expected: str) -> None:
    assert spell(text) == expected
    assert spell(expected) == expected


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0", "10.0.0.0.1", "010.0.0.1", "10.0.0.1/32", "::g", "a\0b", "\udcff", "1.2.3.4 ", "fe80::1%eth0"],
)
def test_what_is_no_address(text: str) -> None:
    assert pack(text) is None
    assert spell(text) is None
    assert canonical_address(text) is None
