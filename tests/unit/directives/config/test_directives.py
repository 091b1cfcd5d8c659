"""Directives with few words: rows of what each reads, and rows of what it refuses."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from clusterdns.corefile.reading import Endpoint
from clusterdns.directives.config import (
    autopath,
    bind,
    errors,
    health,
    hosts,
    ignored,
    loadbalance,
    log,
    loop,
    prometheus,
    ready,
    reload,
    timeouts,
    transfer,
)
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream as Server
from tests.unit.directives.config.parsing import read


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("bind 127.0.0.1", bind.Config(("127.0.0.1",))),
        ("bind 127.0.0.1 ::1 127.0.0.1", bind.Config(("127.0.0.1", "::1"))),
        ("bind FE80::1%eth0", bind.Config(("fe80::1%eth0",))),
        ("bind 127.0.0.1 127.0.0.2 {\n except 127.0.0.2\n}", bind.Config(("127.0.0.1",))),
        ("transfer {\n to *\n}", transfer.Config((), (ip_network("0.0.0.0/0"), ip_network("::/0")))),
        (
            "transfer a.example {\n to 10.0.0.1:53 fd00::/8\n to 10.0.0.1\n}",
            transfer.Config(
                ("a.example.",),
                (ip_network("10.0.0.1"), ip_network("fd00::/8")),
                (Server("10.0.0.1", 53),),
            ),
        ),
        (
            "transfer {\n to 10.0.0.1:5300 fd00::1 [fd00::2]:5300 fe80::1%eth0 10.0.0.1/32 *\n}",
            transfer.Config(
                (),
                tuple(
                    map(ip_network, ("10.0.0.1", "fd00::1", "fd00::2", "fe80::1", "0.0.0.0/0", "::/0")),
                ),
                (
                    Server("10.0.0.1", 5300),
                    Server("fd00::1", 53),
                    Server("fd00::2", 5300),
                    Server("fe80::1%eth0", 53),
                ),
            ),
        ),
        ("errors", errors.Config()),
        ("errors stdout", errors.Config()),
        ("errors {\n stacktrace\n}", errors.Config((), True)),
        ("health", health.Config(Endpoint("", 8080), 0)),
        ("health :8081", health.Config(Endpoint("", 8081), 0)),
        ("health [fd00::a]:8080 {\n lameduck 1m30s\n}", health.Config(Endpoint("fd00::a", 8080), 90)),
        ("ready", ready.Config(Endpoint("", 8181), False)),
        ("ready localhost:1 {\n monitor continuously\n}", ready.Config(Endpoint("localhost", 1), True)),
        ("ready {\n monitor until-ready\n}", ready.Config()),
        ("prometheus", prometheus.Config(Endpoint("localhost", 9153))),
        ("prometheus {\n runtime_metrics\n}", prometheus.Config(runtime_metrics=True)),
        ("prometheus 0.0.0.0:9253", prometheus.Config(Endpoint("0.0.0.0", 9253))),
        ("reload", reload.Config(30, 15)),
        ("reload 10s", reload.Config(10, 5)),
        ("reload 1m 2s", reload.Config(60, 2)),
        ("reload 2s 1m", reload.Config(2, 1)),
        ("loop", loop.Config()),
        ("debug", ignored.Config()),
        ("pprof 127.0.0.1:6060 {\n block 5\n}", ignored.Config()),
        ("trace datadog localhost:8126 {\n every 100\n client_server\n}", ignored.Config()),
        ("timeouts", timeouts.Config()),
        ("timeouts {\n read 1s\n}", timeouts.Config(1, 10, 10, 0)),
        (
            "timeouts {\n read 10s\n write 20s\n idle 1m\n maxtcpqueries 128\n}",
            timeouts.Config(10, 20, 60, 128),
        ),
        ("timeouts {\n maxtcpqueries -1\n}", timeouts.Config()),
        ("loadbalance", loadbalance.Config()),
        ("loadbalance round_robin", loadbalance.Config()),
        ("log", log.Config()),
        ("log .", log.Config()),
        ("log example.org Example.net", log.Config(("example.org.", "example.net."))),
        ("log {combined}", log.Config(format="{combined}")),
        ('log example.org "{name} {type}"', log.Config(("example.org.",), "{name} {type}")),
        (
            "log . {combined} {\n class denial error\n class success\n minDuration 1s\n}",
            log.Config((".",), "{combined}", frozenset({"denial", "error", "success"}), 1.0),
        ),
        ("hosts", hosts.Config()),
        ("hosts my.hosts example.org 10.0.0.0/8", hosts.Config("my.hosts", ("example.org.", "10.in-addr.arpa."))),
        (
            "hosts {\n 192.0.2.1 A.example a\n 2001:db8::1 b.example\n fallthrough\n}",
            hosts.Config(inline="192.0.2.1 A.example a\n2001:db8::1 b.example\n", fallthrough=(".",)),
        ),
        (
            "hosts {\n 192.0.2.1 *.a.example\n fallthrough\n fallthrough_unsupported\n}",
            hosts.Config(inline="192.0.2.1 *.a.example\n", fallthrough=(".",), fallthrough_unsupported=True),
        ),
        (
            "hosts {\n ttl 60\n no_reverse\n reload 0s\n fallthrough in-addr.arpa ip6.arpa\n}",
            hosts.Config(ttl=60, reverse=False, reload=0, fallthrough=("in-addr.arpa.", "ip6.arpa.")),
        ),
        ("autopath @kubernetes", autopath.Config("@kubernetes")),
        ("autopath @node {\n manifests pods\n}", autopath.Config("@node", manifests="pods")),
        ("autopath @node {\n extra_names\n}", autopath.Config("@node", extra_names=True)),
        ("autopath @kubernetes {\n flatten\n}", autopath.Config("@kubernetes", flatten=True)),
        (
            "autopath @kubernetes {\n host_search\n}",
            autopath.Config("@kubernetes", host_search="/etc/resolv.conf"),
        ),
        (
            "autopath @kubernetes {\n host_search /etc/host.conf\n}",
            autopath.Config("@kubernetes", host_search="/etc/host.conf"),
        ),
        ("autopath cluster.local /etc/resolv.conf", autopath.Config("/etc/resolv.conf", ("cluster.local.",))),
        (
            "autopath @kubernetes {\n trusted 10.0.0.0/8 fd00::/8\n trusted 127.0.0.1\n}",
            autopath.Config(
                "@kubernetes", (), (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.1"))
            ),
        ),
    ],
)  # fmt: skip
def test_reads(text: str, config: object) -> None:
    assert read(text) == config


def test_consolidate() -> None:
    config = read(
        'errors {\n consolidate 5m ".* i/o timeout$" warning\n consolidate 30s ^Failed show_first\n'
        " consolidate 1s x debug show_first\n}"
    )
    assert [(each.seconds, each.pattern.text, each.level, each.show_first) for each in config.consolidate] == [
        (300, ".* i/o timeout$", "warning", False),
        (30, "^Failed", "error", True),
        (1, "x", "debug", True),
    ]
    assert config.consolidate[0].pattern.search("read udp: i/o timeout")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bind", "f:2:1: bind takes at least 1 argument, but has 0"),
        ("bind no-such-link", 'f:2:6: bind: "no-such-link" is no IP address, and no interface of this host'),
        ("bind 127.0.0.1 {\n except no-such-link\n}", 'f:3:9: bind: "no-such-link" is no IP address'),
        ("bind lo {\n except lo\n}", "f:2:1: bind excepts all of its addresses"),
        ("bind 127.0.0.1 {\n except ::1\n}", "f:3:9: ::1 is not among the addresses of this bind"),
        ("bind ::1 {\n except ::1\n}", "f:2:1: bind excepts all of its addresses"),
        ("errors /var/log/errors", 'f:2:8: unknown log file "/var/log/errors": write stdout'),
        ("errors {\n consolidate 5m\n}", "f:3:2: consolidate takes 2 to 4 arguments, but has 1"),
        ("errors {\n consolidate 5 x\n}", 'f:3:14: consolidate: "5" is not a duration'),
        ("errors {\n consolidate 5m (\n}", 'f:3:17: "(" is no regular expression: missing )'),
        ("errors {\n consolidate 5m x loud\n}", 'f:3:19: unknown level "loud": write warning, error, info or debug'),
        ("errors {\n consolidate 5m x info last\n}", 'f:3:24: unknown option of consolidate "last": write show_first'),
        (f"errors {{\n consolidate 5m {'x' * 10001}\n}}", "f:3:17: the pattern is longer than 10000 characters"),
        ("errors {\n stacktrace on\n}", "f:3:13: stacktrace takes no arguments, but has 1"),
        ("errors {\n consolidat 5m x\n}", 'f:3:2: unknown option "consolidat" of errors; did you mean "consolidate"?'),
        ("health :8080 :8081", "f:2:14: health takes at most 1 argument, but has 2"),
        ("health {\n lameduck 5\n}", 'f:3:11: lameduck: "5" is not a duration'),
        ("health {\n lameduck\n}", "f:3:2: lameduck takes 1 argument, but has 0"),
        ("health {\n lameduk 5s\n}", 'f:3:2: unknown option "lameduk" of health; did you mean "lameduck"?'),
        ("ready {\n monitor always\n}", 'f:3:10: unknown monitor "always": write until-ready or continuously'),
        ("prometheus {\n tls web.yml\n}", "f:3:2: the option tls of prometheus is not supported here; remove it"),
        ("hosts {\n fallthrough_unsupported\n}", "f:3:2: fallthrough_unsupported needs fallthrough"),
        ("reload 1s", "f:2:8: reload interval is 1, but must be between 2 and 86400 seconds"),
        ("reload 10s 13h", "f:2:12: reload jitter is 46800, but must be between 0 and 43200 seconds"),
        ("reload 10s 5s 1s", "f:2:15: reload takes at most 2 arguments, but has 3"),
        ("loop here", "f:2:6: loop takes no arguments, but has 1"),
        ("timeouts 5s {\n idle 5s\n}", "f:2:10: timeouts takes no arguments, but has 1"),
        ("timeouts {\n idle 5\n}", 'f:3:7: TCP idle timeout: "5" is not a duration'),
        ("timeouts {\n read 0s\n}", "f:3:7: TCP read timeout is 0, but must be between 1 and 3600 seconds"),
        ("timeouts {\n write 2h\n}", "f:3:8: TCP write timeout is 7200, but must be between 1 and 3600 seconds"),
        ("timeouts {\n maxtcpqueries -2\n}", "f:3:16: maxtcpqueries is -2, but must be between 0 and 1000000 queries"),
        ("timeouts {\n maxtcpqueries\n}", "f:3:2: maxtcpqueries takes 1 argument, but has 0"),
        ("timeouts {\n idel 5s\n}", 'f:3:2: unknown option "idel" of timeouts; did you mean "idle"?'),
        ("loadbalance roundrobin",
         'f:2:13: unknown policy "roundrobin": write round_robin or weighted; did you mean "round_robin"?'),
        ("log {\n class good\n}", 'f:3:8: unknown class "good": write all, success, denial or error'),
        ("log {\n class\n}", "f:3:2: class takes at least 1 argument, but has 0"),
        ("log {\n clas error\n}", 'f:3:2: unknown option "clas" of log; did you mean "class"?'),
        ("hosts {\n 192.0.2.1\n}", "f:3:2: 192.0.2.1 takes at least 1 argument, but has 0"),
        ("hosts {\n 192.0.2.1 a..b\n}", "f:3:12: 'a..b' has a label of 0 bytes"),
        ("hosts {\n 192.0.2.300 a\n}", 'f:3:2: unknown option "192.0.2.300" of hosts'),
        ("hosts {\n ttl 0\n}", "f:3:6: hosts ttl is 0, but must be between 1 and 65535 seconds"),
        ("hosts {\n fallthru\n}", 'f:3:2: unknown option "fallthru" of hosts; did you mean "fallthrough"?'),
        ("autopath", "f:2:1: autopath takes at least 1 argument, but has 0"),
        ("autopath @kubernets", 'f:2:10: unknown search list "@kubernets": write @kubernetes or @node; did you mean'),
        ("autopath @kubernetes {\n manifests pods\n}", "f:3:2: manifests is for autopath @node"),
        ("autopath @kubernetes {\n trusted\n}", "f:3:2: trusted takes at least 1 argument, but has 0"),
        ("autopath @kubernetes {\n flatten on\n}", "f:3:10: flatten takes no arguments, but has 1"),
        ("autopath @kubernetes {\n host_search a b\n}", "f:3:16: host_search takes at most 1 argument, but has 2"),
        (
            "autopath /etc/resolv.conf {\n host_search\n}",
            "f:3:2: host_search is for pods: write the domains into /etc/resolv.conf",
        ),
        ("autopath @kubernetes {\n trusted 10.0.0.1/8\n}", "f:3:10: 10.0.0.1/8 has host bits set"),
        ("autopath @kubernetes {\n trust 10.0.0.0/8\n}",
         'f:3:2: unknown option "trust" of autopath; did you mean "trusted"?'),
        ("transfer", 'f:2:1: transfer needs "to" with the addresses that may have the zone'),
        ("transfer {\n to\n}", "f:3:2: to takes at least 1 argument, but has 0"),
        ("transfer {\n to ns.example\n}", 'f:3:5: "ns.example" is no address'),
        ("transfer {\n to 10.0.0.0/33\n}", 'f:3:5: "10.0.0.0/33" is no network'),
        ("transfer {\n from 10.0.0.1\n}", 'f:3:2: unknown option "from" of transfer'),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


LINKS = {"lo": ("127.0.0.1", "::1"), "bare": ()}


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("bind lo", ("127.0.0.1", "::1")),
        ("bind lo 10.0.0.1 ::1", ("127.0.0.1", "::1", "10.0.0.1")),
        ("bind lo {\n except ::1\n}", ("127.0.0.1",)),
        ("bind 10.0.0.1 ::1 {\n except lo\n}", ("10.0.0.1",)),
        ("bind lo {\n except bare\n}", ("127.0.0.1", "::1")),
    ],
)
def test_interfaces(text: str, addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bind, "addresses_of", LINKS.__getitem__)
    assert read(text) == bind.Config(addresses)


def test_an_interface_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bind, "addresses_of", LINKS.__getitem__)
    with pytest.raises(ConfigError, match="f:2:9: bind: the interface bare has no address"):
        read("bind lo bare")


@pytest.mark.parametrize("name", STANDARD)
def test_equal_lines_are_equal_configs(name: str) -> None:
    words = {
        "bind": "bind ::1",
        "autopath": "autopath @kubernetes",
        "forward": "forward . ::1",
        "rewrite": "rewrite name regex a b",
        "transfer": "transfer {\n to *\n}",
        "template": 'template IN A {\n match a\n answer "{{ .Name }}"\n}',
    }
    text = words.get(name, name)
    assert (read(text), hash(read(text))) == (read(text), hash(read(text)))
