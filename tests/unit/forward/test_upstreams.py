"""An upstream as text."""

from __future__ import annotations

from clusterdns.forward.upstreams import Upstream


def test_an_upstream_as_text() -> None:
    assert str(Upstream("10.0.0.1", 5353)) == "10.0.0.1:5353"
    assert str(Upstream("2001:db8::1", 53)) == "[2001:db8::1]:53"
    assert str(Upstream("9.9.9.9", 853, True, "dns.quad9.net")) == "9.9.9.9:853"
