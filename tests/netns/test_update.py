"""A new nodelocal takes over from the one that serves: no question is lost, and nobody is sent elsewhere."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request

import pytest

from nodelocal.nftables import TABLE, owner_in
from tests.support.netns import send_signal
from tests.support.node import CLUSTER_IP, CLUSTER_IP_6, LINK_LOCAL, LINK_LOCAL_6, NODE, Node
from tests.support.node_asking import ask
from tests.support.pod_asking import failures

_SOME = 50


@pytest.mark.parametrize("servers", [(LINK_LOCAL, CLUSTER_IP), (CLUSTER_IP_6, LINK_LOCAL_6)], ids=["IPv4", "IPv6"])
def test_an_update_loses_no_question(node: Node, servers: tuple[str, str]) -> None:
    old = node.start_nodelocal()
    before = _link(node), _owner(node)
    with (
        node.asking(0, servers[0], each_second=200) as udp,
        node.asking(1, servers[1], each_second=100, tcp=True) as tcp,
    ):
        for _ in range(2):
            for lookups in (udp, tcp):
                lookups.wait_for(_SOME)
            new = node.start_nodelocal()
            send_signal(old, signal.SIGTERM)
            assert old.wait(60) == 0
            old = new
        for lookups in (udp, tcp):
            lookups.wait_for(_SOME)
    for lookups in (udp, tcp):
        found = lookups.end()
        assert failures(found) == []
        assert [lookup for lookup in found if lookup.asked_again] == []
        assert NODE[0] in {lookup.address.removeprefix("::ffff:") for lookup in found}
    # On a busy machine the kernel may have sent some elsewhere for a while; nodelocal itself has not.
    assert "clients are sent to cluster DNS\n" not in node.log()
    assert _link(node) == before[0]
    assert _owner(node) not in ("", before[1])
    node.wait_until(lambda: _page(node, "http://127.0.0.1:8181/ready") == 200, "the new one has the old one's pages")
    assert _page(node, "http://127.0.0.1:8080/health") == 200


def test_a_new_one_that_is_killed_leaves_all_to_the_old_one(node: Node) -> None:
    node.start_nodelocal()
    with (
        node.asking(0, LINK_LOCAL, each_second=100) as udp,
        node.asking(1, CLUSTER_IP, each_second=100, tcp=True) as tcp,
    ):
        new = node.start_nodelocal()
        new.kill()
        new.wait()
        killed = time.monotonic()
        for lookups in (udp, tcp):
            lookups.wait_for(_SOME)
    # What was in the buffers of the killed one is lost, and asked again. Over TCP the C library asks a server once.
    assert failures(udp.end()) == []
    assert failures([lookup for lookup in tcp.end() if lookup.asked > killed]) == []
    assert ask(node.pods[0], LINK_LOCAL) == NODE[0]


def _link(node: Node) -> int:
    (link,) = json.loads(node.node.run("ip", "-j", "link", "show", "nodelocaldns"))
    return int(link["ifindex"])


def _owner(node: Node) -> str:
    return owner_in(node.node.run("nft", "list", "table", "ip", TABLE))


def _page(node: Node, url: str) -> int:
    """The status of a page; 0 if nobody serves it."""

    def get() -> int:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    return node.node.call(get)
