"""A dead nodelocal is not a dead node: whatever ends it, pods resolve through cluster DNS, and when it is back by it.

Pods ask through the C library with its default timeouts: 5 s, two tries.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from nodelocal.nftables import TABLE, Rules, owner_in
from tests.support.netns import Namespaces, send_signal
from tests.support.node import (
    CLUSTER_IP,
    CLUSTER_IP_6,
    LINK_LOCAL,
    LINK_LOCAL_6,
    LOCAL,
    NODE,
    PODS,
    SERVICE,
    Node,
)
from tests.support.node_asking import Connection, ask
from tests.support.pod_asking import failures, longest_gap

_HANG, _FAIL = signal.SIGUSR2, signal.SIGRTMIN
_BEFORE, _AFTER = 50, 50
"""Look-ups of the pod that asks less."""


@pytest.mark.parametrize(
    ("end", "servers", "endpoints"),
    [
        pytest.param(signal.SIGKILL, (LINK_LOCAL, CLUSTER_IP), False, id="killed"),
        pytest.param(signal.SIGKILL, (LINK_LOCAL_6, CLUSTER_IP_6), True, id="killed, IPv6, endpoints known"),
        pytest.param(signal.SIGSTOP, (LINK_LOCAL, CLUSTER_IP), True, id="stopped, endpoints known"),
        pytest.param(_HANG, (LINK_LOCAL_6, CLUSTER_IP_6), False, id="hangs in its loop, IPv6"),
        pytest.param(_FAIL, (CLUSTER_IP, LINK_LOCAL), False, id="fails in its loop"),
    ],
)
def test_every_look_up_gets_its_answer(
    node: Node,
    end: signal.Signals,
    servers: tuple[str, str],
    endpoints: bool,
    record_property: Callable[[str, object], None],
) -> None:
    first = node.start_nodelocal()
    if endpoints:
        node.know_endpoints()
    family = ip_address(servers[0]).version == 6
    with (
        node.asking(0, servers[0], each_second=200) as often,
        node.asking(1, servers[1], each_second=100) as seldom,
    ):
        for lookups in (often, seldom):
            lookups.wait_for(_BEFORE)
        send_signal(first, end)
        for pod, lookups in enumerate((often, seldom)):
            lookups.wait_for_answers_of(PODS[pod][family], _AFTER)
    for pod, lookups in enumerate((often, seldom)):
        found = lookups.end()
        assert failures(found) == []
        # How long it was depends on the machine, too; that nobody was without an answer for two tries does not.
        record_property(f"longest gap through {servers[pod]}, seconds", round(longest_gap(found), 3))
        # Some were answered by nodelocal, and then some by cluster DNS, asked by the pod itself.
        assert {lookup.address.removeprefix("::ffff:") for lookup in found} == {NODE[0], PODS[pod][family]}
    assert node.alive() == set()
    first.kill()
    first.wait()
    started = time.monotonic()
    node.start_nodelocal()
    record_property("alive at all addresses after a start, seconds", round(time.monotonic() - started, 3))
    for client, server in zip(node.pods, servers, strict=True):
        assert ask(client, server) == NODE[0]


@pytest.mark.parametrize("flags", [(), ("-skipteardown",)], ids=["by default", "without teardown"])
def test_an_orderly_end_loses_no_question(node: Node, flags: tuple[str, ...]) -> None:
    node.start_nodelocal(*flags)
    with node.asking(0, LINK_LOCAL, each_second=200) as often, node.asking(1, CLUSTER_IP, each_second=100) as seldom:
        for lookups in (often, seldom):
            lookups.wait_for(_BEFORE)
        assert node.stop_nodelocal() == 0
        for pod, lookups in enumerate((often, seldom)):
            lookups.wait_for_answers_of(PODS[pod][0], _AFTER)
    for pod, lookups in enumerate((often, seldom)):
        found = lookups.end()
        assert failures(found) == []
        assert [lookup for lookup in found if lookup.asked_again] == []
        assert {lookup.address for lookup in found} == {NODE[0], PODS[pod][0]}
    assert ("nodelocaldns" in node.node.run("ip", "link")) == bool(flags)
    node.start_nodelocal()
    assert ask(node.pods[0], LINK_LOCAL) == NODE[0]


def test_an_orderly_end_comes_whatever_nft_does(node: Node, tmp_path: Path) -> None:
    nft, hanging = tmp_path / "nft", tmp_path / "hanging"
    nft.write_text(f'#!/bin/sh\n[ -e {hanging} ] && exec sleep 3600\nexec {shutil.which("nft")} "$@"\n')
    nft.chmod(0o755)
    node.start_nodelocal(environment={"PATH": f"{tmp_path}:{os.environ['PATH']}", "STEP_SECONDS": "0.2"})
    hanging.touch()
    assert node.stop_nodelocal() == 0
    assert "nft has not ended in 0.2 s" in node.log()
    assert "nodelocaldns" not in node.node.run("ip", "link")
    node.wait_until(lambda: not node.alive(), "nobody is alive")
    assert ask(node.pods[0], LINK_LOCAL) == ask(node.pods[0], CLUSTER_IP) == PODS[0][0]


@pytest.mark.xdist_group("netns-dead")
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("server", [LINK_LOCAL, CLUSTER_IP, LINK_LOCAL_6, CLUSTER_IP_6])
def test_dead_everyone_reaches_cluster_dns(dead: Node, server: str, tcp: bool) -> None:
    family = ip_address(server).version == 6
    assert ask(dead.pods[0], server, tcp=tcp) == PODS[0][family]
    assert ask(dead.node, server, tcp=tcp) == NODE[family], (
        "asked from the node itself, from an address that answers reach"
    )
    assert dead.tracked_for([PODS[0][family]])


@pytest.fixture(scope="module", params=["through the Service", "to the endpoints"])
def dead(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose nodelocal was killed."""
    with Namespaces() as namespaces:
        node = Node(namespaces, tmp_path_factory.mktemp("dead"))
        nodelocal = node.start_nodelocal()
        if request.param == "to the endpoints":
            node.know_endpoints()
        send_signal(nodelocal, signal.SIGKILL)
        nodelocal.wait()
        node.wait_until(lambda: not node.alive(), "nobody is alive")
        yield node


def test_where_only_the_environment_tells_of_cluster_dns(node: Node) -> None:
    known = {"KUBE_DNS_UPSTREAM_SERVICE_HOST": SERVICE[0]}
    nodelocal = node.start_nodelocal("-upstreamsvc=kube-dns-upstream", environment=known)
    nodelocal.kill()
    nodelocal.wait()
    node.wait_until(lambda: not node.alive(), "nobody is alive")
    assert ask(node.pods[0], LINK_LOCAL) == ask(node.pods[0], CLUSTER_IP) == PODS[0][0]


# As iptables makes them for NodeLocal DNSCache.
_LEFT_BEHIND = """
table ip raw {
    chain PREROUTING { type filter hook prerouting priority raw; ip daddr 169.254.20.10 udp dport 53 notrack; }
    chain OUTPUT { type filter hook output priority raw; ip daddr 169.254.20.10 udp dport 53 notrack; }
}
"""


def test_rules_that_another_cache_left_are_told_of_until_they_are_gone(node: Node) -> None:
    node.node.run("nft", "-f", "-", given=_LEFT_BEHIND)
    node.start_nodelocal("-syncinterval=1s")
    node.wait_until(lambda: "packets to 169.254.20.10 out of connection tracking" in node.log(), "it is said")
    assert CLUSTER_IP not in node.log().partition("rules of another program")[2]
    node.node.run("nft", "delete", "table", "ip", "raw")
    node.wait_until(lambda: "other rules: in order again" in node.log(), "it is said that they are gone")


def test_a_closed_port_on_a_local_address_changes_nothing(node: Node) -> None:
    node.start_nodelocal()
    for server in LOCAL:
        with pytest.raises(ConnectionRefusedError):
            _refused(node, server)
    assert node.alive() == set(LOCAL)
    assert not node.tracked_for(LOCAL, "-p", "udp", "--dport", "53")


def _refused(node: Node, server: str) -> None:
    """Send to a UDP port without a listener, and wait for the kernel to say so."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with node.pods[0].call(lambda: socket.socket(family, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(10)
        sock.connect((server, 5300))
        sock.send(b"nobody is there")
        sock.recv(1)


@pytest.mark.parametrize("endpoints", [False, True], ids=["through the Service", "to the endpoints"])
def test_tcp_connections_stay_with_whom_they_began(node: Node, endpoints: bool) -> None:
    node.start_nodelocal()
    if endpoints:
        node.know_endpoints()
    with Connection(node.pods[0], LINK_LOCAL) as ours:
        assert ours.ask() == NODE[0]
        assert node.nodelocal is not None
        send_signal(node.nodelocal, signal.SIGSTOP)
        node.wait_until(lambda: not node.alive(), "nobody is alive")
        with pytest.raises(ConnectionResetError):
            ours.ask()  # cluster DNS does not know the connection, and the client learns to try again
    with Connection(node.pods[0], LINK_LOCAL) as past, Connection(node.pods[0], CLUSTER_IP) as past_service:
        assert (past.ask(), past_service.ask()) == (PODS[0][0], PODS[0][0])
        send_signal(node.nodelocal, signal.SIGCONT)
        node.wait_until(lambda: node.alive() == set(LOCAL), "nodelocal is alive again")
        assert ask(node.pods[0], LINK_LOCAL, tcp=True) == NODE[0]
        assert (past.ask(), past_service.ask()) == (PODS[0][0], PODS[0][0])


def test_withdrawn_it_still_answers_on_connections_that_are_open(node: Node) -> None:
    node.start_nodelocal()
    with Connection(node.pods[0], LINK_LOCAL) as ours:
        assert ours.ask() == NODE[0]
        owner = owner_in(node.node.run("nft", "list", "table", "ip", TABLE))
        node.node.run("nft", "-f", "-", given=Rules(LOCAL, 53, owner=owner).withdraw())
        assert ask(node.pods[0], LINK_LOCAL) == ask(node.pods[0], LINK_LOCAL, tcp=True) == PODS[0][0]
        assert ours.ask() == NODE[0]
