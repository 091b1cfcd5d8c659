"""nodelocal's command line: arguments of manifests that exist, each flag's value, and each way to get it wrong."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon import flags
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from nodelocal.cluster_dns import Target
from nodelocal.flags import FLAGS, Options, options_of
from tests.unit.nodelocal.published import DEPLOYMENTS, V4


def options(*arguments: str) -> Options:
    return options_of(flags.parse(FLAGS, arguments, program="nodelocal", version="1"))


def test_defaults_are_those_of_node_cache() -> None:
    assert options("-localip=169.254.20.10") == Options(
        local_addresses=("169.254.20.10",),
        dns_port=53,
        corefile="/etc/Corefile",
        base_corefile="/etc/coredns/Corefile.base",
        kube_dns_folder="/etc/kube-dns",
        cluster_dns=Target(service="kube-dns"),
        kubeconfig="",
        node_name="",
        reload_with_signal=False,
        setup_interface=True,
        interface_name="nodelocaldns",
        setup_iptables=True,
        skip_teardown=False,
        sync_seconds=60.0,
        health_port=8080,
        metrics=Endpoint("0.0.0.0", 9353),
        prometheus=Endpoint("", 9253),
        pidfile="",
        log_level="info",
        log_format="text",
        given=frozenset({"localip"}),
        without_effect=(),
    )


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each.name)
def test_arguments_of_the_published_manifest(deployment: Any) -> None:
    found = options(*deployment.arguments())
    assert found.local_addresses == deployment.binds
    assert found.cluster_dns == Target(service="kube-dns-upstream")
    assert (found.corefile, found.pidfile) == ("/etc/Corefile", "/tmp/node-cache.pid")


# What is written, the field that says so, and its value. `-localip` is always there: see `options_with_address`.
VALUES: list[tuple[list[str], str, Any]] = [
    (["-localip=10.0.0.1, FD00::1 ,10.0.0.1"], "local_addresses", ("10.0.0.1", "fd00::1")),
    (["-dns.port=1053"], "dns_port", 1053),
    (["-p=1053"], "dns_port", 1053),
    (["-conf", "/tmp/a"], "corefile", "/tmp/a"),
    (["-corefile", "/tmp/b"], "corefile", "/tmp/b"),
    (["-corefile", "/tmp/b", "-conf", "/tmp/a"], "corefile", "/tmp/a"),
    (["-basecorefile=/base"], "base_corefile", "/base"),
    (["-kubednscm=/cm"], "kube_dns_folder", "/cm"),
    (["-upstreamsvc=kube-system/coredns"], "cluster_dns", Target((), "coredns", "kube-system")),
    (["-upstreamsvc=10.96.0.10,[fd00::a]:5353"], "cluster_dns",
     Target((Upstream("10.96.0.10", 53), Upstream("fd00::a", 5353)))),
    (["-reloadwithsignal"], "reload_with_signal", True),
    (["-setupinterface=false"], "setup_interface", False),
    (["-setupiptables=false"], "setup_iptables", False),
    (["-skipteardown=true"], "skip_teardown", True),
    (["-interfacename=dns0.local_1"], "interface_name", "dns0.local_1"),
    (["-syncinterval=30"], "sync_seconds", 30.0),
    (["-syncinterval=90s"], "sync_seconds", 90.0),
    (["-syncinterval=1m30s"], "sync_seconds", 90.0),
    # node-cache multiplies the duration by a second: this is what its charts have to write for one second, and sixty.
    (["-syncinterval=1ns"], "sync_seconds", 1.0),
    (["-syncinterval=60ns"], "sync_seconds", pytest.approx(60.0)),
    (["-syncinterval=200ms"], "sync_seconds", 1.0),
    (["-syncinterval=0"], "sync_seconds", 1.0),
    (["-health-port=8081"], "health_port", 8081),
    (["-metrics-listen-address=127.0.0.1:9353"], "metrics", Endpoint("127.0.0.1", 9353)),
    (["-metrics-listen-address=[::1]"], "metrics", Endpoint("::1", 9353)),
    (["-metrics-listen-address="], "metrics", None),
    (["-prometheus-listen-address=localhost"], "prometheus", Endpoint("localhost", 9253)),
    (["-prometheus-listen-address", ""], "prometheus", None),
    (["-log-format=json"], "log_format", "json"),
    (["-kubeconfig=/k"], "kubeconfig", "/k"),
    # What charts carry along.
    (["-setupebtables=false", "-tls-enabled=false"], "without_effect", ()),
    (["-v=2", "-logtostderr", "-quiet=false", "-initialdelay=10s"], "without_effect",
     ("quiet", "logtostderr", "v", "initialdelay")),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "field", "value"), VALUES)
def test_values(arguments: list[str], field: str, value: Any) -> None:
    assert getattr(options("-localip=10.0.0.1", *arguments), field) == value


def test_no_address_is_needed_where_nothing_is_set_up() -> None:
    assert options("-setupinterface=false", "-setupiptables=false").local_addresses == ()


# What is written, and all that is said.
BAD_NAME = "can't be the name of an interface: write 1 to 15 characters, without slash, colon or space"
TWO_THINGS = "may mean two things: write an IPv6 address in brackets, as in [::1]:9153"
BAD_TARGET = "is neither a Service nor addresses: write NAME, NAMESPACE/NAME or IP[:PORT],..."
MISTAKES: list[tuple[list[str], str]] = [
    ([], "-localip: an address is needed here, or -setupinterface=false"),
    (["-setupinterface=false"], "-localip: an address is needed here, or -setupiptables=false"),
    (["-localip=10.0.0.300"], '-localip: "10.0.0.300" is not an IP address'),
    (["-localip", "10.0.0.1,__PILLAR__DNS__SERVER__"],
     '-localip: "__PILLAR__DNS__SERVER__" is not an IP address: it is to be replaced when the manifest is deployed'),
    (["-localip=::1%a b"], '-localip: "::1%a b" is not an IP address'),
    (["-localip=fe80::1%eth0"], '-localip: "fe80::1%eth0" is on a link already: write an address for a link of ours'),
    (["-localip", V4[0], "-setupebtables"],
     "-setupebtables: this program does not do that: write -setupebtables=false"),
    (["-localip", V4[0], "-tls-enabled"], "-tls-enabled: this program does not do that: write -tls-enabled=false"),
    (["-localip", V4[0], "-conf="], "-conf: a file name is needed"),
    (["-localip", V4[0], "-interfacename=a/b"], f'-interfacename: "a/b" {BAD_NAME}'),
    (["-localip", V4[0], "-interfacename=" + 16 * "a"], f'-interfacename: "{16 * "a"}" {BAD_NAME}'),
    (["-localip", V4[0], "-interfacename=.."], f'-interfacename: ".." {BAD_NAME}'),
    (["-localip", V4[0], "-interfacename=a b"], f'-interfacename: "a b" {BAD_NAME}'),
    (["-localip", V4[0], "-syncinterval=48h"],
     "-syncinterval: syncinterval is 172800, but must be between 1 and 86400 seconds"),
    (["-localip", V4[0], "-syncinterval=soon"],
     '-syncinterval: "soon" is not a duration: write a number with its unit, such as 30s, 1m30s or 200ms'),
    (["-localip", V4[0], "-health-port=http"], '-health-port: "http" is not a whole number'),
    (["-localip", V4[0], "-dns.port=65536"], "-dns.port: port is 65536, but must be between 0 and 65535"),
    (["-localip", V4[0], "-metrics-listen-address=fd00::a:9353"],
     f'-metrics-listen-address: "fd00::a:9353" {TWO_THINGS}'),
    (["-localip", V4[0], "-prometheus-listen-address=:none"],
     '-prometheus-listen-address: ":none": "none" is no port number'),
    (["-localip", V4[0], "-upstreamsvc=Kube_DNS"], f'-upstreamsvc: "Kube_DNS" {BAD_TARGET}'),
    (["-localip", V4[0], "-upstreamsvc="], f'-upstreamsvc: "" {BAD_TARGET}'),
    (["-localip", V4[0], "-upstreamsvc=10.0.0.1,dns"], f'-upstreamsvc: "10.0.0.1,dns" {BAD_TARGET}'),
    (["-localip", V4[0], "-upstreamsvc=10.0.0.1:0"], f'-upstreamsvc: "10.0.0.1:0" {BAD_TARGET}'),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        options(*arguments)
    assert str(raised.value) == message


def test_every_flag_of_node_cache_is_known() -> None:
    """Those of its main.go, of CoreDNS's run.go that a manifest can use, and of glog."""
    node_cache = """localip setupinterface interfacename syncinterval metrics-listen-address prometheus-listen-address
        setupiptables basecorefile corefile kubednscm upstreamsvc health-port skipteardown reloadwithsignal
        tls-cert-file tls-private-key-file tls-client-auth-type tls-client-ca-file tls-min-version tls-enabled
        conf pidfile quiet dns.port p
        alsologtostderr log_backtrace_at log_dir logtostderr stderrthreshold v vmodule"""
    assert not set(node_cache.split()) - {flag.name for flag in FLAGS}
    assert len({flag.name for flag in FLAGS}) == len(FLAGS)
