"""nodelocal passes the pod's address on, autopath answers by it, and no pod is told of it or gets another's answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.edns

from clusterdns.demo.suite import Suite
from tests.support.asking import ask, client_subnets, lines, rcode

# Pods of examples/cluster.
TOOLBOX = "127.0.10.1"  # kube-system
CLIENT, WEB = "127.0.20.2", "127.0.20.1"  # shop
NO_POD = "127.0.99.99"
EXPANDED = "aliyun.com.shop.svc.cluster.local A"
WALKED = ["aliyun.com. 30 IN A 1.1.1.1", "aliyun.com.shop.svc.cluster.local. 30 IN CNAME aliyun.com."]


def test_answers_follow_the_pod_behind_the_node_cache(tmp_path: Path) -> None:
    async def scenario() -> None:
        suite = Suite(tmp_path)
        await suite.internet.start()
        try:
            await suite.autopath.start()
            await suite.nodelocal.start()
            await _pods_get_their_own_answers(suite)
            await _options_stay_between_our_servers(suite)
            await _autopath_answers_with_a_scope(suite)
        finally:
            await suite.stop()

    asyncio.run(scenario())


async def _pods_get_their_own_answers(suite: Suite) -> None:
    port = suite.pod(CLIENT, "shop").nameserver[1]
    # A pod of another namespace, then nobody's address, then a pod of the namespace: kept apart in both caches, twice.
    for _ in range(2):
        for stranger in (TOOLBOX, NO_POD):
            answer = await ask(port, EXPANDED, source=stranger)
            assert (rcode(answer), lines(answer, "answer")) == ("NXDOMAIN", [])
        assert _without_ttl(lines(await ask(port, EXPANDED, source=CLIENT), "answer")) == _without_ttl(WALKED)
    # Another pod of the same namespace has the walk, too, though the answer kept so far is not its own.
    assert _without_ttl(lines(await ask(port, EXPANDED, source=WEB), "answer")) == _without_ttl(WALKED)
    # What is the same for everyone is kept once: the second pod's question does not reach autopath.
    await ask(port, "web.shop.svc.cluster.local A", source=CLIENT)
    before = await suite.reached_autopath()
    answer = await ask(port, "web.shop.svc.cluster.local A", source=TOOLBOX)
    assert _without_ttl(lines(answer, "answer")) == ["web.shop.svc.cluster.local. IN A 10.96.1.10"]
    assert await suite.reached_autopath() == before


async def _options_stay_between_our_servers(suite: Suite) -> None:
    port = suite.pod(CLIENT, "shop").nameserver[1]
    for tcp in (False, True):
        answer = await ask(port, EXPANDED, source=CLIENT, tcp=tcp, use_edns=0)
        assert answer.edns == 0
        assert not answer.options
    # A pod that claims to be another one is not believed.
    claim = dns.edns.ECSOption(CLIENT, 32)
    for tcp in (False, True):
        answer = await ask(
            port, "mirrors.example.org.shop.svc.cluster.local A", source=TOOLBOX, tcp=tcp, options=[claim]
        )
        assert rcode(answer) == "NXDOMAIN"
        assert not answer.options


async def _autopath_answers_with_a_scope(suite: Suite) -> None:
    port = suite.dns_ports["autopath"]
    for address, length, expected_rcode, scope in (
        (CLIENT, 32, "NOERROR", 32),  # the walk's answer is for this client
        (TOOLBOX, 32, "NXDOMAIN", 32),  # so is a denial: another client's search finds something
        (CLIENT, 24, "NXDOMAIN", 24),  # a network is no client, and its denial not everyone's
    ):
        answer = await ask(port, EXPANDED, options=[dns.edns.ECSOption(address, length)])
        assert rcode(answer) == expected_rcode
        (subnet,) = client_subnets(answer)
        assert (subnet.srclen, subnet.scopelen) == (length, scope)
    # Without the option there is none in the answer.
    assert not (await ask(port, EXPANDED, source=CLIENT, use_edns=0)).options


def _without_ttl(records: list[str]) -> list[str]:
    return [" ".join(word for index, word in enumerate(record.split()) if index != 1) for record in records]
