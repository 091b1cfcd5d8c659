"""Two processes that share a port: what arrives goes to the first, until the second takes over or the first ends.

Each row is a history; the words are what is done, and behind it stands who then gets a hundred clients' messages.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest

from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.steering import WORD, take_over

_CLIENTS = 50
_HEADER = bytes(12)
QUESTION = _HEADER + b"\x04name\x07example\0" + bytes(4)
OWN = _HEADER + bytes([len(WORD)]) + WORD + b"\x07example\0" + bytes(4)

HISTORIES = [
    ("first alone", (), {"first"}),
    ("a second is there", ("second",), {"first"}),
    ("the second took over", ("second", "take"), {"second"}),
    ("the second was killed before", ("second", "end second"), {"first"}),
    ("the second was killed after", ("second", "take", "end second"), {"first"}),
    ("the first ended before", ("second", "end first"), {"second"}),
    ("the first ended after", ("second", "take", "end first"), {"second"}),
    ("the first of all took over, too", ("take first", "second"), {"first"}),
    ("a third is there", ("second", "take", "end first", "third"), {"second"}),
    ("the third took over", ("second", "take", "end first", "third", "take third"), {"third"}),
]
histories = pytest.mark.parametrize(
    ("history", "wanted"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES]
)
addresses = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


class Scene:
    """Sockets by name, all on one port."""

    def __init__(self, address: str, *, tcp: bool, spreads: bool = False) -> None:
        self.address = address
        self._open = partial(open_tcp if tcp else open_udp, spreads=spreads)
        self.sockets: dict[str, socket.socket] = {"first": self._open(address, 0)}
        self.port = self.sockets["first"].getsockname()[1]

    def close(self) -> None:
        for sock in self.sockets.values():
            sock.close()

    def play(self, history: tuple[str, ...]) -> None:
        for step in history:
            verb, _, name = step.partition(" ")
            if verb == "take":
                take_over(self.sockets[name or "second"])
            elif verb == "end":
                self.sockets.pop(name).close()
            else:
                self.sockets[verb] = self._open(self.address, self.port)

    def counts(self, message: bytes) -> dict[str, int]:
        """How many messages, each of a client of its own, each socket got."""
        for _ in range(_CLIENTS):
            with socket.socket(next(iter(self.sockets.values())).family, socket.SOCK_DGRAM) as client:
                client.sendto(message, (self.address, self.port))
        return {name: found for name, sock in self.sockets.items() if (found := sum(1 for _ in _received(sock)))}

    def accepted(self) -> dict[str, int]:
        """How many connections each socket got."""
        with ExitStack() as clients:
            for _ in range(_CLIENTS):
                clients.enter_context(socket.create_connection((self.address, self.port), 10))
            return {name: found for name, sock in self.sockets.items() if (found := sum(1 for _ in _accepted(sock)))}


def _received(sock: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield sock.recv(600)
        except BlockingIOError:
            return


def _accepted(sock: socket.socket) -> Iterator[None]:
    while True:
        try:
            connection, _ = sock.accept()
        except BlockingIOError:
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        yield


@pytest.fixture
def udp(address: str) -> Iterator[Scene]:
    scene = Scene(address, tcp=False)
    yield scene
    scene.close()


@pytest.fixture
def tcp(address: str) -> Iterator[Scene]:
    scene = Scene(address, tcp=True)
    yield scene
    scene.close()


@addresses
@histories
def test_datagrams_go_to_one_of_them(udp: Scene, history: tuple[str, ...], wanted: set[str]) -> None:
    udp.play(history)
    assert udp.counts(QUESTION) == dict.fromkeys(wanted, _CLIENTS)


@addresses
@histories
def test_connections_go_to_one_of_them(tcp: Scene, history: tuple[str, ...], wanted: set[str]) -> None:
    tcp.play(history)
    assert tcp.accepted() == dict.fromkeys(wanted, _CLIENTS)


@addresses
@pytest.mark.parametrize("length", [0, 1, 12, 13, 16])
def test_a_datagram_too_short_for_a_name_goes_to_the_first(udp: Scene, length: int) -> None:
    udp.play(("second",))
    assert udp.counts(OWN[:length]) == {"first": _CLIENTS}


@addresses
@pytest.mark.parametrize(
    ("history", "wanted"),
    [((), "first"), (("second",), "second"), (("second", "take"), "second"), (("second", "end second"), "first")],
)
def test_own_questions_prove_the_second(udp: Scene, history: tuple[str, ...], wanted: str) -> None:
    udp.play(history)
    assert udp.counts(OWN) == {wanted: _CLIENTS}


@addresses
def test_processes_that_answer_together_have_a_share_each(address: str) -> None:
    with closing(Scene(address, tcp=False, spreads=True)) as scene:
        scene.play(("second", "third"))
        shares = scene.counts(QUESTION)
        assert sum(shares.values()) == _CLIENTS
        assert set(shares) == {"first", "second", "third"}


@addresses
def test_a_kernel_without_it_spreads_as_ever(udp: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusterdns.listen.steering._ATTACH_REUSEPORT_CBPF", 9999)
    take_over(udp.sockets["first"])
    assert udp.counts(QUESTION) == {"first": _CLIENTS}
