"""The addresses of interfaces, as the kernel tells them."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.listen.interfaces import addresses_of, written

MESSAGES = [
    ({"address": "10.0.0.1", "local": "10.0.0.1"}, "10.0.0.1"),
    # Of a point-to-point link, `address` is the other side's.
    ({"address": "10.0.0.2", "local": "10.0.0.1"}, "10.0.0.1"),
    ({"address": "FD00:0::1"}, "fd00::1"),
    ({"address": "fe80::1"}, "fe80::1%eth0"),
    ({"address": "169.254.20.10", "local": "169.254.20.10"}, "169.254.20.10"),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES)
def test_addresses_are_written_as_a_socket_takes_them(message: dict[str, str], expected: str) -> None:
    assert written(message, "eth0") == expected


def test_the_loopback_interface() -> None:
    assert "127.0.0.1" in addresses_of("lo")


def test_a_kernel_that_filters_no_dumps(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = addresses_of("lo")
    for module in ("netlink", "netlink.nlsocket"):
        monkeypatch.setattr(f"pyroute2.{module}.NETLINK_GET_STRICT_CHK", 999)  # of a time to come
    assert addresses_of("lo") == expected


def test_while_an_event_loop_runs() -> None:
    async def main() -> tuple[str, ...]:
        return addresses_of("lo")

    assert asyncio.run(main()) == addresses_of("lo")


def test_no_such_interface() -> None:
    with pytest.raises(OSError, match="no interface"):
        addresses_of("no-such-link")
