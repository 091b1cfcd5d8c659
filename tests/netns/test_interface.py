"""The link that carries the DNS addresses, on the kernel's own netlink."""

from __future__ import annotations

import json

import pytest

from clusterdns.errors import ConfigError
from nodelocal.interface import Changes, Interface
from tests.support.netns import Namespace

NAME = "nodelocaldns"
ADDRESSES = ("169.254.20.10", "10.96.0.10", "fd00::10")


def test_made_up_and_usable_at_once(namespace: Namespace) -> None:
    done = namespace.call(Interface(NAME, ADDRESSES).ensure)
    assert [line.rpartition(" ")[2] for line in done] == [NAME, "up", *ADDRESSES]
    assert _state(namespace) == ("UP", {"169.254.20.10/32", "10.96.0.10/32", "fd00::10/128"})
    for address in ADDRESSES:
        # Bound, routed to us, and answered.
        namespace.run("python", "-c", _TALK, address)


_TALK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
here, there = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
here.bind((sys.argv[1], 53))
there.settimeout(10)
there.sendto(b"hello", (sys.argv[1], 53))
here.sendto(b"hello", here.recvfrom(5)[1])
assert there.recv(5) == b"hello"
"""


def test_the_node_speaks_to_others_from_its_own_address(namespace: Namespace) -> None:
    namespace.ip(
        "link add eth0 type veth peer name eth1",
        "link set eth0 up",
        "link set eth1 up",
        "addr add fd00::1:1/128 dev eth0 nodad",
        "route add fd00:1::/64 dev eth0",
        "route add 192.0.2.0/24 dev eth0",
        "addr add 10.0.0.1/32 dev lo",
    )
    namespace.call(Interface(NAME, ADDRESSES).ensure)
    for there, ours in (("fd00:1::1", "fd00::1:1"), ("192.0.2.1", "10.0.0.1")):
        (route,) = json.loads(namespace.run("ip", "-j", "route", "get", there))
        assert route["prefsrc"] == ours


_BEFORE: list[tuple[str, tuple[str, ...], list[str]]] = [
    ("all of it", ("CREATE",), []),
    ("an address gone", ("CREATE", "addr del 10.96.0.10/32 dev nodelocaldns"), ["gave it 10.96.0.10"]),
    (
        "down, so that IPv6 is gone",
        ("CREATE", "link set nodelocaldns down"),
        ["set nodelocaldns up", "gave it fd00::10"],
    ),
    (
        "a link of node-cache's",
        (
            "link add nodelocaldns type bridge",
            "addr add 169.254.20.10/32 dev nodelocaldns",
            "addr add 10.96.0.10/32 dev nodelocaldns",
        ),
        ["set nodelocaldns up", "gave it fd00::10"],
    ),
    (
        "an address with a wider prefix",
        ("CREATE", "addr del 10.96.0.10/32 dev nodelocaldns", "addr add 10.96.0.10/24 dev nodelocaldns"),
        ["gave it 10.96.0.10"],
    ),
    ("more than we want", ("CREATE", "addr add 10.9.9.9/32 dev nodelocaldns"), []),
]


@pytest.mark.parametrize(("before", "wanted"), [row[1:] for row in _BEFORE], ids=[row[0] for row in _BEFORE])
def test_only_what_is_missing_is_made(namespace: Namespace, before: tuple[str, ...], wanted: list[str]) -> None:
    interface = Interface(NAME, ADDRESSES)
    for command in before:
        if command == "CREATE":
            namespace.call(interface.ensure)
        else:
            namespace.ip(command)
    assert list(namespace.call(interface.ensure)) == wanted
    assert namespace.call(interface.ensure) == ()


_FOREIGN: dict[str, tuple[str, ...]] = {
    "veth": ("link add nodelocaldns type veth peer name other",),
    "bridge with ports": (
        "link add nodelocaldns type bridge",
        "link add port type veth peer name other",
        "link set port master nodelocaldns",
    ),
    "network card": ("link set lo down", "link set lo name nodelocaldns"),
}


def test_a_kernel_that_filters_no_dumps(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("netlink", "netlink.nlsocket"):
        monkeypatch.setattr(f"pyroute2.{module}.NETLINK_GET_STRICT_CHK", 999)  # of a time to come
    namespace.ip("link add pod1 type bridge", "link add pod2 type veth peer name other", "link set pod2 master pod1")
    namespace.ip("addr add 10.96.0.10/32 dev pod1")
    interface = Interface(NAME, ADDRESSES)
    namespace.call(interface.ensure)
    assert _state(namespace)[1] == {"169.254.20.10/32", "10.96.0.10/32", "fd00::10/128"}
    assert namespace.call(interface.ensure) == ()
    assert namespace.call(interface.remove)
    namespace.ip("link add nodelocaldns type bridge")
    assert namespace.call(interface.ensure) != (), "the ports are another bridge's"


@pytest.mark.parametrize("kind", _FOREIGN)
def test_a_foreign_link_is_left_alone(namespace: Namespace, kind: str) -> None:
    namespace.ip(*_FOREIGN[kind])
    before = namespace.run("ip", "addr")
    interface = Interface(NAME, ADDRESSES)
    for call in (interface.ensure, interface.remove):
        with pytest.raises(ConfigError, match=rf'"{NAME}".*not ours \(.*{kind}\)'):
            namespace.call(call)
    assert namespace.run("ip", "addr") == before


@pytest.mark.parametrize(
    ("taken", "refused"), [("10.96.0.10/32", True), ("fd00::10/128", True), ("10.96.0.1/32", False)]
)
def test_an_address_of_ipvs_is_refused_with_what_to_do(namespace: Namespace, taken: str, refused: bool) -> None:
    namespace.ip("link add kube-ipvs0 type bridge", "link set kube-ipvs0 up", f"addr add {taken} dev kube-ipvs0")
    ensure = Interface(NAME, ADDRESSES).ensure
    if not refused:
        assert namespace.call(ensure) != ()
        return
    with pytest.raises(
        ConfigError, match=rf"-localip: {taken.partition('/')[0]} is on the link kube-ipvs0.*link-local"
    ):
        namespace.call(ensure)
    assert NAME not in namespace.run("ip", "link")


def test_removed_with_its_addresses(namespace: Namespace) -> None:
    interface = Interface(NAME, ADDRESSES)
    namespace.call(interface.ensure)
    assert namespace.call(interface.remove)
    assert "nodelocaldns" not in namespace.run("ip", "link")
    assert not namespace.call(interface.remove), "there is nothing left"


@pytest.mark.parametrize(
    ("command", "concerned"),
    [
        ("link set nodelocaldns down", True),
        ("link del nodelocaldns", True),
        ("addr del 10.96.0.10/32 dev nodelocaldns", True),
        ("addr del fd00::10/128 dev nodelocaldns", True),
        ("link add pod1 type veth peer name pod2", False),
        ("addr add 192.0.2.1/32 dev lo", False),
    ],
)
def test_changes_are_told(namespace: Namespace, command: str, concerned: bool) -> None:
    def heard() -> bool:
        with Changes(NAME) as changes:
            namespace.ip(command)
            return changes.read()

    namespace.call(Interface(NAME, ADDRESSES).ensure)
    assert namespace.call(heard) is concerned


def test_a_link_that_was_made_anew_is_followed(namespace: Namespace) -> None:
    interface = Interface(NAME, ADDRESSES)

    def heard() -> tuple[bool, bool]:
        with Changes(NAME) as changes:
            interface.ensure()
            changes.read()
            namespace.ip("addr del 169.254.20.10/32 dev nodelocaldns")
            unknown = changes.read()
            changes.follow()
            namespace.ip("addr del 10.96.0.10/32 dev nodelocaldns")
            return unknown, changes.read()

    assert namespace.call(heard) == (False, True)


def _state(namespace: Namespace) -> tuple[str, set[str]]:
    (link,) = json.loads(namespace.run("ip", "-j", "addr", "show", NAME))
    addresses = {f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if each["scope"] != "link"}
    return "UP" if "UP" in link["flags"] else "DOWN", addresses
