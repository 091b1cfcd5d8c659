"""When the signatures of an answer end."""

from __future__ import annotations

import pytest

from clusterdns.cache.signatures import seconds_signed
from tests.support import messages
from tests.support.chain import FOUND, Says, request, response_to

NOW = 1_800_000_000


def _signature(expiration: int) -> str:
    """An RRSIG record; dnspython takes its times as seconds, too."""
    return f"@ 60 IN RRSIG A 8 2 60 {expiration} 1 1 example.org. c2ln"


@pytest.mark.parametrize(
    ("expirations", "seconds"),
    [
        ((), None),
        ((NOW + 60,), 60),
        ((NOW + 60, NOW + 20), 20),
        ((NOW + 60, NOW - 1), 0),
        ((NOW,), 0),
        # 2^31 seconds apart nothing is before or after; nearer, the serial number goes round (RFC 1982).
        (((NOW + 2**31 - 1) % 2**32,), 2**31 - 1),
        (((NOW + 2**31) % 2**32,), 0),
        ((1,), 0),
    ],
)
def test_seconds_signed(expirations: tuple[int, ...], seconds: int | None) -> None:
    says = Says(answer=(*FOUND.answer, *map(_signature, expirations)))
    assert seconds_signed(response_to(request(), says), NOW + 0.9) == seconds


def test_the_serial_number_goes_round() -> None:
    response = response_to(request(), Says(answer=(_signature(50),)))
    assert seconds_signed(response, 2**32 - 10) == 60


def test_signatures_of_denials_count() -> None:
    authority = (messages.SOA_TEXT, f"cluster.local. 30 IN RRSIG SOA 8 2 60 {NOW + 7} 1 1 cluster.local. c2ln")
    assert seconds_signed(response_to(request(), Says(rcode="NXDOMAIN", authority=authority)), NOW) == 7
