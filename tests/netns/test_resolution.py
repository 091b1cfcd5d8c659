"""Pods and the node itself resolve through nodelocal, and connection tracking knows nothing of it."""

from __future__ import annotations

import pytest

from tests.support.node import CLUSTER_IP, CLUSTER_IP_6, LINK_LOCAL, LINK_LOCAL_6, LOCAL, NODE, Node
from tests.support.node_asking import ask

pytestmark = pytest.mark.xdist_group("netns-resolution")


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("server", [LINK_LOCAL, CLUSTER_IP, LINK_LOCAL_6, CLUSTER_IP_6])
@pytest.mark.parametrize("client", ["first pod", "second pod", "node"])
def test_nodelocal_answers_untracked(serving: Node, client: str, server: str, tcp: bool) -> None:
    asking = {"first pod": serving.pods[0], "second pod": serving.pods[1], "node": serving.node}[client]
    assert ask(asking, server, tcp=tcp) == NODE[0], "cluster DNS was asked by the node"
    assert not serving.tracked_for(LOCAL)


def test_tables_of_others_stay_as_they_were(node: Node) -> None:
    before = node.node.run("nft", "list", "ruleset")
    node.start_nodelocal()
    assert "clusterdns-nodelocal" in node.node.run("nft", "list", "ruleset")
    assert node.node.run("nft", "list", "ruleset").startswith(before)
    assert node.stop_nodelocal() == 0
    assert node.node.run("nft", "list", "ruleset").startswith(before)
