"""Addresses as sockets take them."""

from __future__ import annotations

import socket

import pytest

from clusterdns.socket_address import socket_address

ROWS: dict[str, tuple[object, ...]] = {
    "127.0.0.1": ("127.0.0.1", 53),
    "fd00::1": ("fd00::1", 53),
    "fe80::1%lo": ("fe80::1", 53, 0, socket.if_nametoindex("lo")),
    "fe80::1%7": ("fe80::1", 53, 0, 7),
}


@pytest.mark.parametrize(("address", "expected"), ROWS.items())
def test_socket_address(address: str, expected: tuple[object, ...]) -> None:
    assert socket_address(address, 53) == expected


def test_no_such_link() -> None:
    with pytest.raises(OSError, match="no interface"):
        socket_address("fe80::1%no-such-link", 53)
