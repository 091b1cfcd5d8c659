"""Bound sockets, and what an operator reads whose address can't be bound."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import pytest

from clusterdns.errors import ConfigError
from clusterdns.listen.sockets import open_tcp, open_udp

OPENERS = {"UDP": open_udp, "TCP": open_tcp}
openers = pytest.mark.parametrize(("protocol", "opener"), OPENERS.items())
Opener = Callable[[str, int], socket.socket]


@openers
@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_bound_and_non_blocking(protocol: str, opener: Opener, address: str, family: int) -> None:
    with opener(address, 0) as sock:
        assert sock.family == family
        assert sock.getsockname()[0] == address
        assert sock.getsockname()[1] != 0
        assert not sock.getblocking()


@openers
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_new_process_can_bind_while_the_old_one_answers(protocol: str, opener: Opener, address: str) -> None:
    with opener(address, 0) as old, opener(address, old.getsockname()[1]) as new:
        assert new.getsockname()[:2] == old.getsockname()[:2]


@openers
def test_the_wildcards_of_both_families_share_a_port(protocol: str, opener: Opener) -> None:
    with opener("::", 0) as six, opener("0.0.0.0", six.getsockname()[1]) as four:
        assert four.getsockname()[1] == six.getsockname()[1]


@openers
def test_another_program_has_the_port(protocol: str, opener: Opener) -> None:
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if protocol == "TCP":
            other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"can't listen on {protocol} 127\.0\.0\.1:{port}: another program does"):
            opener("127.0.0.1", port)


@openers
@pytest.mark.parametrize(
    ("address", "place"), [("192.0.2.1", r"192\.0\.2\.1:5353"), ("2001:db8::1", r"\[2001:db8::1\]:5353")]
)
def test_no_such_address_here(protocol: str, opener: Opener, address: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"can't listen on {protocol} {place}: no interface of this host has that"):
        opener(address, 5353)


# What fails, with which error number, and what the operator is told. The kernel of a test machine does none of this.
FAILURES = [
    ("bind", errno.EACCES, "CAP_NET_BIND_SERVICE"),
    ("bind", errno.EPERM, "CAP_NET_BIND_SERVICE"),
    ("bind", errno.ENOMEM, "Cannot allocate memory"),
    ("__init__", errno.EAFNOSUPPORT, "IPv6 switched off"),
    ("__init__", errno.EMFILE, "Too many open files"),
]


@openers
@pytest.mark.parametrize(("fails", "number", "text"), FAILURES)
def test_other_failures(
    monkeypatch: pytest.MonkeyPatch, protocol: str, opener: Opener, fails: str, number: int, text: str
) -> None:
    closed = []

    class FailingSocket(socket.socket):
        def __init__(self, *args: int) -> None:
            if fails == "__init__":
                raise OSError(number, errno.errorcode[number])
            super().__init__(*args)

        def bind(self, address: object, /) -> None:
            raise OSError(number, "Cannot allocate memory")

        def close(self) -> None:
            closed.append(self)
            super().close()

    if fails == "__init__" and number == errno.EMFILE:
        text = "EMFILE"
    monkeypatch.setattr(socket, "socket", FailingSocket)
    with pytest.raises(ConfigError, match=text):
        opener("::1", 53)
    assert len(closed) == (fails == "bind")
