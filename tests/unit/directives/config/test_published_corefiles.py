"""Corefiles that people run today load as they are: the default of kubeadm, and the one of nodelocaldns.yaml."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from clusterdns.cache.lifetime import Bounds
from clusterdns.corefile.parse import parse
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import bind, cache, forward, health, loadbalance, loop, prometheus, ready, reload
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.directives.config.upstreams import ResolvConf, Upstream
from tests.unit.nodelocal.published import DEPLOYMENTS

KUBEADM = """
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""

# As sed and node-cache leave it.
NODE_LOCAL = (
    DEPLOYMENTS[0]
    .corefile()
    .replace("__PILLAR__CLUSTER__DNS__", "10.104.0.3")
    .replace("__PILLAR__UPSTREAM__SERVERS__", "/etc/resolv.conf")
)


@dataclass(frozen=True, slots=True)
class Kubernetes:
    zones: tuple[str, ...]


def _kubernetes(directive: Directive) -> Kubernetes:
    return Kubernetes(tuple(token.text for token in directive.args))


def test_kubeadm() -> None:
    (server,) = load(parse(KUBEADM, "Corefile", environ={}), {**STANDARD, "kubernetes": _kubernetes})
    assert [str(key) for key in server.keys] == ["dns://.:53"]
    assert server.addresses == ()
    assert list(server.directives) == [
        "errors", "health", "ready", "kubernetes", "prometheus", "forward", "cache", "loop", "reload", "loadbalance"
    ]  # fmt: skip
    assert server.one(health.Config) == health.Config(Endpoint("", 8080), 5.0)
    assert server.one(ready.Config) == ready.Config(Endpoint("", 8181))
    assert server.one(prometheus.Config) == prometheus.Config(Endpoint("", 9153))
    assert server.one(Kubernetes) == Kubernetes(("cluster.local", "in-addr.arpa", "ip6.arpa"))
    assert server.all(forward.Config) == (
        forward.Config((".",), (ResolvConf("/etc/resolv.conf"),), max_concurrent=1000),
    )
    kept = server.one(cache.Config)
    assert kept is not None
    assert (kept.success.bounds, kept.denial.bounds) == (Bounds(5, 30), Bounds(5, 30))
    assert (kept.disable_success, kept.disable_denial) == (("cluster.local.",), ("cluster.local.",))
    assert server.one(reload.Config) == reload.Config(30, 15)
    assert server.one(loop.Config) == loop.Config()
    assert server.one(loadbalance.Config) == loadbalance.Config()


@pytest.mark.parametrize("port", [53, 1053])
def test_node_local(port: int) -> None:
    servers = load(parse(NODE_LOCAL.replace(":53", f":{port}"), "Corefile", environ={}), STANDARD)
    assert [(server.zones, server.keys[0].port) for server in servers] == [
        (("cluster.local.",), port),
        (("in-addr.arpa.",), port),
        (("ip6.arpa.",), port),
        ((".",), port),
    ]
    assert {server.addresses for server in servers} == {("169.254.20.10", "10.96.0.10")}
    assert [server.one(bind.Config) is not None for server in servers] == [True] * 4
    for server in servers[:3]:
        (upstreams,) = server.all(forward.Config)
        assert upstreams == forward.Config((".",), (Upstream("dns", "10.104.0.3", 53),), force_tcp=True)
    assert servers[3].all(forward.Config) == (forward.Config((".",), (ResolvConf("/etc/resolv.conf"),)),)
    cluster = servers[0].one(cache.Config)
    assert cluster is not None
    assert (cluster.success, cluster.denial) == (cache.Part(9984, Bounds(5, 30)), cache.Part(9984, Bounds(5, 5)))
    assert [server.one(health.Config) for server in servers] == [
        health.Config(Endpoint("169.254.20.10", 8080)), None, None, None
    ]  # fmt: skip
    assert {server.one(prometheus.Config) for server in servers} == {prometheus.Config(Endpoint("", 9253))}
