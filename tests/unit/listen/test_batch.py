"""Slots of datagrams: what they hold, and what becomes of answers that a busy kernel does not take at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from unittest import mock

import pytest

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen import batch
from clusterdns.listen.batch import IS_AVAILABLE, Batch
from clusterdns.listen.respond import repeat_nothing
from clusterdns.listen.sockets import open_udp


def test_linux_has_both_calls() -> None:
    # All tests here need them, and skip nothing: a system that is taken for one without would go the slow way unseen.
    assert IS_AVAILABLE


@contextmanager
def server_and_client(bound: str, asked: str) -> Iterator[tuple[Batch, socket.socket]]:
    with open_udp(bound, 0) as server, socket.socket(server.family, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.connect((asked, server.getsockname()[1]))
        yield Batch(server, has_destination=ip_address(bound).is_unspecified), client


@pytest.mark.parametrize(
    ("bound", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.9"), ("::1", "::1"), ("::", "::1")]
)
def test_slots_are_what_arrived_and_answers_go_where_it_came_from(bound: str, asked: str) -> None:
    with server_and_client(bound, asked) as (slots, client):
        sent = [b"", b"1", b"a query", bytes(UDP_QUERY_BYTES.default_int)]
        for message in sent:
            client.send(message)
        lengths = slots.receive()
        assert slots.repeat(lengths, repeat_nothing, repeat_nothing) == ([0, 1, 2, 3], 0)
        arrived = [slots.datagram(slot, length) for slot, length in enumerate(lengths)]
        assert [message for message, _ in arrived] == sent
        assert {peer[:2] for _, peer in arrived} == {client.getsockname()[:2]}
        # The kernel gave the slots to something else meanwhile.
        client.send(b"another")
        assert slots.receive() == [7]
        assert slots.send(list(reversed(arrived))) == 0
        assert [client.recv(65535) for _ in sent] == list(reversed(sent))


def test_an_empty_socket_gives_nothing() -> None:
    with server_and_client("127.0.0.1", "127.0.0.1") as (slots, _client):
        assert slots.receive() == []
        assert slots.repeat([], lambda body: body, repeat_nothing) == ([], 0)
        assert slots.send([]) == 0


@pytest.mark.parametrize("count", [1, UDP_BATCH.default_int, UDP_BATCH.default_int + 1, 3 * UDP_BATCH.default_int])
def test_answers_longer_than_a_slot_are_dropped_and_only_those(count: int) -> None:
    with server_and_client("127.0.0.1", "127.0.0.1") as (slots, client):
        client.send(b"query")
        _message, peer = slots.datagram(0, *slots.receive())
        too_long = (bytes(UDP_QUERY_BYTES.default_int + 1), peer)
        answers = [(b"%d" % number, peer) for number in range(count)]
        assert slots.send([too_long, *answers, too_long]) == 2
        assert [client.recv(512) for _ in answers] == [answer for answer, _ in answers]


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
    known = iter(None if slot in unknown else b"answer" for slot in range(count))
    with server_and_client("127.0.0.1", "127.0.0.1") as (slots, _), mock.patch.object(batch, "_library") as library:
        library.sendmmsg.side_effect = taken
        assert slots.repeat([7] * count, lambda _body: next(known), repeat_nothing) == (unknown, dropped)
    # Each slot has a header of 64 bytes; the first call says where they are.
    sent = [call.args[1:3] for call in library.sendmmsg.call_args_list]
    first_slot = sent[0][0] - 64 * calls[0][0] if sent else 0
    assert [((header - first_slot) // 64, offered) for header, offered in sent] == calls
