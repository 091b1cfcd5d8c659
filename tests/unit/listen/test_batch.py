"""Slots of datagrams: that they hold what the socket module would have given, and what a busy kernel does to them."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from unittest import mock

import pytest

from clusterdns.listen import batch
from clusterdns.listen.batch import IS_AVAILABLE, Batch
from clusterdns.listen.sockets import open_udp
from clusterdns.listen.udp import as_source

pytestmark = pytest.mark.skipif(not IS_AVAILABLE, reason="no recvmmsg here")


@pytest.mark.parametrize(
    ("bound", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.9"), ("::1", "::1"), ("::", "::1")]
)
def test_a_slot_holds_what_recvmsg_gives(bound: str, asked: str) -> None:
    wildcard = ip_address(bound).is_unspecified
    with open_udp(bound, 0) as server, socket.socket(server.family, socket.SOCK_DGRAM) as client:
        slots = Batch(server, has_destination=wildcard)
        client.connect((asked, server.getsockname()[1]))
        client.send(b"by recvmsg")
        server.setblocking(True)
        _message, ancillary, _flags, peer = server.recvmsg(512, 256)
        for message in (b"", b"1", b"by recvmmsg"):
            client.send(message)
            (length,) = slots.receive()
            assert slots.fill([length], lambda _body: None) == [0]
            sources = (tuple(map(as_source, ancillary)),) if wildcard else ()
            assert slots.datagram(0, length) == (message, (*peer, *sources))


def test_an_empty_socket_gives_nothing() -> None:
    with open_udp("127.0.0.1", 0) as server:
        slots = Batch(server, has_destination=False)
        assert slots.receive() == []
        assert slots.fill([], lambda body: body) == []
        assert slots.send(0, []) == 0


# Slots, those without an answer, how many the kernel takes in each call; which slots the calls begin at, and how many
# they offer; answers dropped.
SENDING = [
    (3, [], [3], [(0, 3)], 0),
    (5, [], [2, 3], [(0, 5), (2, 3)], 0),
    (3, [1], [1, 1], [(0, 1), (2, 1)], 0),
    (4, [0, 3], [2], [(1, 2)], 0),
    (2, [0, 1], [], [], 0),
    (3, [], [-1, 2], [(0, 3), (1, 2)], 1),
    (3, [], [1, -1, 1], [(0, 3), (1, 2), (2, 1)], 1),
    (4, [2], [-1, -1, -1], [(0, 2), (1, 1), (3, 1)], 3),
]


@pytest.mark.parametrize(("count", "unknown", "taken", "calls", "dropped"), SENDING)
def test_what_the_kernel_does_not_take_at_once(
    count: int, unknown: list[int], taken: list[int], calls: list[tuple[int, int]], dropped: int
) -> None:
    with open_udp("127.0.0.1", 0) as server, mock.patch.object(batch, "_library") as library:
        library.sendmmsg.side_effect = taken
        slots = Batch(server, has_destination=False)
        assert slots.send(count, unknown) == dropped
    # Each slot has a header of 64 bytes; the first call says where they are.
    sent = [call.args[1:3] for call in library.sendmmsg.call_args_list]
    first_slot = sent[0][0] - 64 * calls[0][0] if sent else 0
    assert [((header - first_slot) // 64, offered) for header, offered in sent] == calls
