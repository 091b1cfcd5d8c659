"""NodeLocal DNSCache's published manifest on a node: its Corefile and arguments, unchanged, in the real program."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.support.netns import Namespace, send_signal, shell
from tests.support.node import Node
from tests.unit.nodelocal.published import CLUSTER_IP, DEPLOYMENTS, Deployment

RESOLVER, STUB, OTHER = "10.0.0.2", "10.0.0.3", "10.0.0.4"
CONFIG_MAP = {"stubDomains": json.dumps({"acme.example": [STUB]}), "upstreamNameservers": json.dumps([OTHER])}
# What is asked, and who answers: the servers of this test answer with their own address.
PLAIN = {
    "web.shop.svc.cluster.local": CLUSTER_IP,
    "1.96.10.in-addr.arpa": CLUSTER_IP,
    "1.0.0.f.ip6.arpa": CLUSTER_IP,
    "example.org": RESOLVER,
    "www.acme.example": RESOLVER,
}
MAPPED = PLAIN | {"example.org": OTHER, "www.acme.example": STUB}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each.name)
def test_it_runs_unchanged(namespace: Namespace, tmp_path: Path, deployment: Deployment) -> None:
    _run(namespace, tmp_path, deployment, PLAIN)


def test_it_runs_with_the_configmap_of_kube_dns(namespace: Namespace, tmp_path: Path) -> None:
    folder = tmp_path / "kube-dns"
    folder.mkdir()
    for key, text in CONFIG_MAP.items():
        (folder / key).write_text(text)
    _run(namespace, tmp_path, DEPLOYMENTS[0], MAPPED, f"-kubednscm={folder}")


def _run(
    namespace: Namespace, folder: Path, deployment: Deployment, answers: dict[str, str], *more_arguments: str
) -> None:
    namespace.ip(*(f"addr add {address}/32 dev lo" for address in (CLUSTER_IP, RESOLVER, STUB, OTHER)))
    namespace.start("python", "-m", "tests.support.echo_dns", CLUSTER_IP, RESOLVER, STUB, OTHER)
    (folder / "Corefile.base").write_text(deployment.corefile())
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    places = {"/etc/Corefile": f"{folder}/Corefile", "/tmp/node-cache.pid": f"{folder}/node-cache.pid"}
    arguments = [places.get(argument, argument) for argument in deployment.arguments()]
    nodelocal = shell(
        *("env", f"KUBE_DNS_UPSTREAM_SERVICE_HOST={CLUSTER_IP}", "python", "-m", "nodelocal.service"),
        *(*arguments, f"-basecorefile={folder}/Corefile.base", *more_arguments),
    )
    with (folder / "log").open("w") as log:
        process = namespace.start(
            "sh", "-c", f"mount --bind {folder}/resolv.conf /etc/resolv.conf && exec {nodelocal}", stderr=log
        )
    health = f"http://[{deployment.health}]:8080/health" if ":" in deployment.health else ""
    health = health or f"http://{deployment.health}:8080/health"
    Node.wait_until(lambda: _page(namespace, health) == "OK", "health says OK")

    for server in deployment.binds:
        for name, upstream in answers.items():
            for ask in (dns.query.udp, dns.query.tcp):
                answer = namespace.call(lambda: ask(dns.message.make_query(name, "A"), server, 10))  # noqa: B023
                assert [rrset[0].to_text() for rrset in answer.answer] == [upstream]
    metrics = _page(namespace, "http://127.0.0.1:9253/metrics")
    for sample in ("coredns_dns_requests_total{", "coredns_cache_hits_total{", "coredns_forward_healthcheck_broken"):
        assert sample in metrics
    assert "coredns_nodecache_setup_errors_total" in _page(namespace, "http://127.0.0.1:9353/metrics")
    pid_file = folder / "node-cache.pid"
    Node.wait_until(lambda: pid_file.read_text() == f"{process.pid}\n", "it has answered itself")

    send_signal(process, signal.SIGTERM)
    assert process.wait(30) == 0
    said = (folder / "log").read_text()
    assert "ERROR" not in said
    assert "WARNING" not in said


def _page(namespace: Namespace, url: str) -> str:
    """The text of a page; empty while nobody has it."""

    def get() -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as response:
            text: str = response.read().decode()
            return text

    try:
        return namespace.call(get)
    except OSError:
        return ""
