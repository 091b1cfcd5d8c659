"""Corefiles in the syntax that CoreDNS documents: autopath loads them, or says by name and place what it has not."""

from __future__ import annotations

import pickle

import pytest

from autopath.service import DIRECTIVES
from clusterdns.corefile.parse import parse
from clusterdns.directives.config.absent import INSTEAD
from clusterdns.directives.config.no_effect import without_effect
from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.directives.config.server import ServerConfig, load
from clusterdns.errors import ConfigError
from tests.unit.directives.config.test_published_corefiles import KUBEADM


def loaded(text: str) -> tuple[ServerConfig, ...]:
    """`text`, where no file is that it could import."""
    return load(parse(text, "Corefile", environ={}, read_files=lambda pattern: []), DIRECTIVES)


def test_the_kubeadm_corefile() -> None:
    (block,) = loaded(KUBEADM)
    assert sorted(block.directives) == sorted(
        ["cache", "errors", "forward", "health", "kubernetes", "loadbalance", "loop", "prometheus", "ready", "reload"]
    )


# What hosted clusters add to kubeadm's: files that need not be there, denied domains, the cluster's own hosts.
HOSTED = (
    KUBEADM.rstrip().removesuffix("}")
    + """
    import custom/*.override
    hosts /etc/coredns/NodeHosts {
        ttl 60
        reload 15s
        fallthrough
    }
    template ANY ANY internal.cloud.example {
        match "^(?:[^.]+\\.){4,}internal\\.cloud\\.example\\.$"
        rcode NXDOMAIN
        fallthrough
    }
    template ANY ANY lan.example {
        rcode NXDOMAIN
    }
    template IN AAAA .
    log . {
        class error
    }
    rewrite stop {
        name regex (.*)\\.my\\.domain {1}.svc.cluster.local
        answer name (.*)\\.svc\\.cluster\\.local {1}.my.domain
    }
    autopath @kubernetes
    bufsize 1232
}
import custom/*.server
"""
)

# Whole Corefiles, and single directives, which get a block of their own.
LOADED = [
    HOSTED,
    # kubernetes
    "10.0.0.0/17 cluster.local {\n kubernetes {\n  pods verified\n }\n}",
    "kubernetes cluster.local {\n namespaces test staging\n}",
    "kubernetes cluster.local {\n endpoint https://k8s-endpoint:8443\n tls cert key cacert\n}",
    "kubernetes cluster.local {\n kubeconfig /etc/kube/config blue\n startup_timeout 10s\n}",
    "kubernetes cluster.local {\n labels environment in (staging, qa),application=nginx\n}",
    "kubernetes cluster.local {\n namespace_labels istio-injection=enabled\n}",
    "kubernetes cluster.local clusterset.local {\n multicluster clusterset.local\n}",
    "kubernetes cluster.local {\n apiserver_qps 20\n apiserver_burst 40\n apiserver_max_inflight 10\n}",
    "kubernetes cluster.local {\n noendpoints\n ignore empty_service\n}",
    "kubernetes cluster.local {\n endpoint_pod_names\n fallthrough\n ttl 0\n}",
    # autopath
    "cluster.local {\n autopath @kubernetes\n kubernetes {\n  pods verified\n }\n}",
    "autopath my-resolv.conf",
    # k8s_external, transfer
    ". {\n kubernetes cluster.local\n k8s_external example.org\n}",
    "k8s_external example.org {\n apex nameserver\n ttl 10\n headless\n fallthrough in-addr.arpa\n}",
    ". {\n transfer example.org {\n  to *\n }\n kubernetes cluster.local\n k8s_external example.org\n}",
    "transfer example.net {\n to 10.240.1.1 10.0.0.0/8 [2001:db8::1]:5300\n}",
    ". {\n acl {\n  allow type ANY net 10.1.0.0/16\n  block\n }\n transfer {\n  to *\n }\n kubernetes a.example\n}",
    # those of a cluster's Corefile that are not about the cluster
    "acl {\n block type A net 192.168.0.0/16\n block type AAAA net 192.168.0.0/16 10.0.0.0/8\n allow\n}",
    "acl a.example.org {\n filter type MX net *\n drop net 10.0.0.0/8\n}",
    "any",
    "bind 127.0.0.1 ::1",
    "bind 127.0.0.1\nbind ::1",
    "bind lo",
    "bind lo {\n except ::1\n}",
    "bufsize 1100",
    "cache",
    "cache 10 example.org",
    "cache 300 {\n success 5000 3600 5\n denial 2500 300\n prefetch 10 1m 20%\n}",
    "cache {\n serve_stale 1h immediate\n servfail 5s\n keepttl\n disable denial example.org\n}",
    "debug",
    "dns64",
    "dns64 64:1337::/96",
    "dns64 {\n prefix 64:1337::/96\n translate_all\n allow_ipv4\n}",
    'errors {\n consolidate 5m ".* i/o timeout$" warning\n consolidate 30s "^Failed to .+"\n}',
    "forward example.org 127.0.0.1:9005",
    "forward . 10.0.0.10:53 10.0.0.11:1053 [2003::1]:53",
    "forward . /etc/resolv.conf {\n except example.org\n}",
    "forward . 127.0.0.1:9006 {\n prefer_udp\n policy round_robin\n max_fails 3\n expire 20s\n}",
    "forward . tls://9.9.9.9 tls://9.9.9.10%dns.example {\n health_check 5s\n}",
    "forward . tls://9.9.9.9 {\n tls_servername dns.quad9.net\n health_check 5s no_rec domain a.example\n}",
    "forward . 1.2.3.4 {\n next NXDOMAIN\n}\nforward . 5.6.7.8 {\n failover SERVFAIL REFUSED\n}",
    "health localhost:8091 {\n lameduck 1s\n}",
    "hosts {\n 10.0.0.1 example.org\n fallthrough\n}",
    "hosts example.hosts example.org example.net {\n ttl 60\n no_reverse\n reload 10s\n}",
    "loadbalance",
    "loadbalance weighted ./weights {\n reload 10s\n}",
    "multisocket",
    "multisocket 2",
    "kubernetes cluster.local {\n kubeconfig /etc/kube/config\n endpoint https://k8s:8443\n tls cert key ca\n}",
    "loadbalance round_robin {\n prefer 10.9.20.0/24 192.168.1.0/24\n}",
    "local",
    "log",
    'log . "{proto} Request: {name} {type} {>id}"',
    'log example.org example.net "{combined}" {\n class denial error\n}',
    "loop",
    "minimal",
    "pprof :9966",
    "prometheus localhost:9253",
    "ready localhost:8091",
    "reload 10s 5s",
    "rewrite name foo.example.com foo.default.svc.cluster.local",
    "rewrite type ANY HINFO",
    "rewrite name regex (.*)-(us-west-1)\\.coredns\\.rocks {2}.core.{1}.rocks answer name auto",
    "rewrite stop {\n name suffix .schmoogle.com. .google.com.\n answer auto\n}",
    "rewrite ttl regex .* 30-300",
    "rewrite cname exact a.example.org. b.example.org.",
    "rewrite rcode name.example NXDOMAIN NOERROR",
    "template ANY ANY invalid {\n rcode NXDOMAIN\n}",
    'template IN A example {\n match ^ip-(?P<a>[0-9]+)[.]example[.]$\n answer "{{ .Name }} A 10.0.0.{{ .Group.a }}"\n}',
    (
        'template IN ANY example.com {\n match "\\.(dc1\\.example\\.com\\.)$"\n rcode NXDOMAIN\n'
        ' authority "{{ index .Match 1 }} 60 IN SOA ns.{{ index .Match 1 }} h.{{ index .Match 1 }} (1 60 60 60 60)"\n'
        " fallthrough\n}"
    ),
    (
        "template IN A example {\n match ^ip0a(?P<b>[a-f0-9]{2})[.]example[.]$\n"
        ' answer "{{ .Name }} 60 IN A 10.0.0.{{ parseInt .Group.b 16 8 }}"\n fallthrough\n}'
    ),
    "hosts example.hosts example.com {\n 192.168.1.10 *.example.com\n fallthrough example.com\n}",
    "forward . dns.example.local {\n resolver 10.0.0.1\n}",
    "forward lab.example.local 10.20.0.1\nforward example.local 10.0.0.1\nforward . /etc/resolv.conf",
    "loadbalance round_robin {\n limit_answers 5\n}",
    "timeouts {\n read 1m\n write 3s\n idle 10s\n}",
    "trace zipkin localhost:9411",
    "whoami",
    "(snip) {\n prometheus\n log\n errors\n}\n. {\n import snip\n whoami\n}",
    "example.org:5300 {\n whoami\n}\nexample.net {\n whoami\n}",
    "acl {\n allow net 192.168.1.0/24\n block net 192.168.0.0/16\n}",
    "acl {\n allow net 192.168.1.1 2001:db8::1\n block type * net *\n}",
    "acl {\n filter type A net 192.168.0.0/16\n}\nacl {\n drop net 192.0.2.0/24\n}",
    "example.org {\n acl a.example.org {\n  block net 192.168.1.0/24\n }\n}",
    "autopath example.org my-resolv.conf",
    "bufsize",
    "bufsize 4096",
    "dns64 64:1337::/96 {\n translate_all\n}",
    "errors {\n stacktrace\n}",
    'errors {\n consolidate 5m ".* i/o timeout$" info show_first\n consolidate 30s "^Failed to .+" error\n}',
    "health",
    "health :8080",
    "com {\n whoami\n health :8080\n}\nnet {\n health :8081\n}",
    "local {\n localhost_prefix off\n}",
    "log example.org {\n class denial\n}",
    "log . {combined} {\n class denial error\n}",
    "log . {\n class denial\n class success\n}",
    "log . {\n class error\n minDuration 1s\n}",
    'log . "{local} {remote}:{port} {/forward/upstream}"',
    "loop\nforward . 127.0.0.1",
    "pprof {\n block 10\n}",
    "prometheus {\n runtime_metrics\n}",
    ". {\n ready\n}\nexample.org {\n ready\n}",
    "ready {\n monitor continuously\n}",
    "ready {\n monitor until-ready\n}",
    "reload",
    "reload 10s",
    "reload 30s 0s",
    "rewrite name substring service.us-west-1.example.org service.us-west-1.consul",
    "rewrite name prefix old- new-",
    "rewrite name exact RED BLUE",
    "rewrite stop {\n name suffix .coredns.rocks .service.consul answer auto\n}",
    "rewrite stop {\n name regex (.*)-(eu)\\.rocks {1}.{2}.consul\n answer name (.*)\\.(eu)\\.consul {1}-{2}.rocks\n}",
    "rewrite stop {\n name suffix .arpa .arpa\n answer name auto\n answer value (.*)\\.consul\\. {1}.coredns.rocks.\n}",
    "rewrite name regex (.*)\\.a {1}.b answer name (.*)\\.b {1}.a value (.*)\\.c {1}.d",
    "rewrite continue {\n ttl regex (.*)\\.coredns\\.rocks 15\n}",
    "rewrite ttl example.com. -30\nrewrite ttl example.com. 30-\nrewrite ttl example.com. 30",
    "rewrite continue {\n rcode regex (.*)\\.coredns\\.rocks SERVFAIL NOERROR\n}",
    "rewrite rcode suffix coredns.rocks 2 0",
    "rewrite cname regex (.*).cdn.example.net. {1}.other.cdn.com.",
    "timeouts {\n maxtcpqueries 128\n}",
    ".:1053 {\n timeouts {\n  read 15s\n  write 30s\n }\n forward . /etc/resolv.conf\n}",
    "trace http://tracinghost:9411/zipkin/api/v1/spans",
    "trace datadog localhost:8126",
    "trace tracinghost:9411 {\n every 10000\n service dnsproxy\n client_server\n}",
    "10.0.0.0/24 2001:db8::/32 {\n whoami\n}",
    "dns://example.org:1053, example.net {\n whoami\n any\n}",
]


@pytest.mark.parametrize("text", LOADED)
def test_loads(text: str) -> None:
    is_directive = text.split()[0] in DIRECTIVES
    found = loaded(f". {{\n{text}\n}}\n" if is_directive else text)
    assert found
    # So it comes to the processes of `multisocket`.
    assert pickle.loads(pickle.dumps(found)) == found


def test_patterns_work_in_another_process() -> None:
    pattern = pickle.loads(pickle.dumps(compile_pattern("^(?P<name>[a-z]+)-([0-9]*)$")))
    assert pattern.search("web-7") == ("web-7", "web", "7")
    assert pattern.search("web") is None
    assert (pattern.groups, pattern.names) == (2, {"name": 1})


@pytest.mark.parametrize("name", sorted(set(INSTEAD) - set(DIRECTIVES)))
def test_directives_that_are_not_there_are_named(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(f".:53 {{\n    errors\n    {name} a b\n}}\n")
    assert str(caught.value).startswith(f"Corefile:3:5: the directive {name} of CoreDNS is not supported here; ")


# Options that CoreDNS takes and leaves aside; the log says so at start.
LEFT_ASIDE = [
    ("kubeconfig /etc/kube/config\nendpoint https://k8s:8443", ("kubernetes: endpoint",)),
    ("endpoint https://k8s:8443\ntls cert key ca\nkubeconfig /x", ("kubernetes: endpoint", "kubernetes: tls")),
    ("tls cert key ca", ("kubernetes: tls",)),
    ("endpoint https://k8s:8443\ntls cert key ca", ()),
    ("pods insecure\n}\nautopath @kubernetes {", ("autopath @kubernetes, which needs `pods verified`",)),
    ("}\nautopath @kubernetes {", ("autopath @kubernetes, which needs `pods verified`",)),
    ("pods verified\n}\nautopath @kubernetes {", ()),
    ("}\nautopath /etc/resolv.conf {", ()),
]


@pytest.mark.parametrize(("options", "expected"), LEFT_ASIDE)
def test_options_that_others_make_meaningless(options: str, expected: tuple[str, ...]) -> None:
    assert without_effect(loaded(f". {{\nkubernetes cluster.local {{\n{options}\n}}\n}}\n")) == expected


# What a directive of ours does not do: the option's place, and its name.
REFUSED = [
    ("forward . https://dns.example/dns-query", "2:11", "https"),
    ("forward . 1.2.3.4 {\n doh_method POST\n}", "3:2", "doh_method"),
    ("rewrite edns0 local set 0xffee 0x61626364", "2:9", "edns0"),
    ("rewrite edns0 local set 0xffee {client_ip}", "2:9", "edns0"),
    ("rewrite edns0 subnet set 24 56", "2:9", "edns0"),
    ("rewrite class CH IN", "2:9", "class"),
    ("rewrite rcode regex .* BADCOOKIE NOERROR", "2:24", "BADCOOKIE"),
    ("rewrite rcode regex .* SERVFAIL 16", "2:33", "16"),
    ("prometheus {\n tls /etc/coredns/web-config.yml\n}", "3:2", "tls"),
    ("kubernetes cluster.local {\n resyncperiod 1m\n}", "3:2", "resyncperiod"),
    ("kubernetes cluster.local {\n upstream 10.0.0.1\n}", "3:2", "upstream"),
    ("kubernetes cluster.local\n kubernetes a.example", "3:2", "kubernetes"),
]


@pytest.mark.parametrize(("text", "place", "name"), REFUSED)
def test_what_a_directive_does_not_do_is_named(text: str, place: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(f". {{\n{text}\n}}\n")
    assert str(caught.value).startswith(f"Corefile:{place}: ")
    assert name in str(caught.value)
