"""Each directive: rows of what it reads, and rows of what it refuses."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from clusterdns.cache.lifetime import Bounds
from clusterdns.corefile.parse import parse
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import (
    autopath,
    bind,
    cache,
    errors,
    forward,
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
from clusterdns.directives.config.upstreams import HostName, ResolvConf, Upstream
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream as Server


def _read(text: str) -> Any:
    directive: Directive = parse(f". {{\n{text}\n}}", "f", environ={}).server_blocks[0].directives[0]
    return STANDARD[directive.name](directive)


def _part(capacity: int, minimum: int, maximum: int) -> cache.Part:
    return cache.Part(capacity, Bounds(minimum, maximum))


def _forward(**settings: Any) -> forward.Config:
    return forward.Config((".",), (Upstream("dns", "192.0.2.1", 53),), **settings)


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
        ("cache", cache.Config()),
        ("cache 30", cache.Config(success=_part(9984, 5, 30), denial=_part(9984, 5, 30))),
        ("cache 86400", cache.Config(success=_part(9984, 5, 86400), denial=_part(9984, 5, 10800))),
        ("cache example.org", cache.Config(("example.org.",))),
        ("cache 60 a 10.0.0.0/8", cache.Config(("a.", "10.in-addr.arpa."), _part(9984, 5, 60), _part(9984, 5, 60))),
        ("cache {\n success 5000\n denial 2500 9 1\n}", cache.Config((), _part(5000, 5, 3600), _part(2500, 1, 9))),
        ("cache 30 {\n success 5000\n}", cache.Config((), _part(5000, 5, 30), _part(9984, 5, 30))),
        ("cache {\n success 100\n}", cache.Config(success=_part(1024, 5, 3600))),
        ("cache {\n denial 9984 5 0\n}", cache.Config(denial=_part(9984, 0, 5))),
        ("cache {\n prefetch 10\n}", cache.Config(prefetch=cache.Prefetch(10, 60, 10))),
        ("cache {\n prefetch 10 2m 20%\n}", cache.Config(prefetch=cache.Prefetch(10, 120, 20))),
        ("cache {\n prefetch 0\n}", cache.Config()),
        ("cache {\n serve_stale\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0.1, 30, 30))),
        ("cache {\n serve_stale 2h\n}", cache.Config(serve_stale=cache.ServeStale(7200))),
        ("cache {\n serve_stale verify 200ms\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0.2))),
        ("cache {\n serve_stale 1h verify\n}", cache.Config(serve_stale=cache.ServeStale(3600, "verify"))),
        (
            "cache {\n serve_stale 1h verify 0 1s 5m\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "verify", 0, 1, 300)),
        ),
        (
            "cache {\n serve_stale immediate 0 10s\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "immediate", ttl=0, recheck=10)),
        ),
        (
            "cache {\n serve_stale_policy prefer_positive\n serve_stale 1h immediate\n}",
            cache.Config(serve_stale=cache.ServeStale(3600, "immediate", prefer_positive=True)),
        ),
        ("cache {\n servfail 0\n}", cache.Config(servfail=0)),
        ("cache {\n servfail 5m\n}", cache.Config(servfail=300)),
        (
            "cache {\n disable denial\n disable success a\n disable success b\n keepttl\n}",
            cache.Config(disable_success=("a.", "b."), disable_denial=(".",), keepttl=True),
        ),
        ("forward . 192.0.2.1", _forward()),
        (
            "forward Example.ORG 192.0.2.1:1053 [2001:db8::1]:53 2001:db8::2 dns://192.0.2.2 /etc/resolv.conf",
            forward.Config(
                ("example.org.",),
                (
                    Upstream("dns", "192.0.2.1", 1053),
                    Upstream("dns", "2001:db8::1", 53),
                    Upstream("dns", "2001:db8::2", 53),
                    Upstream("dns", "192.0.2.2", 53),
                    ResolvConf("/etc/resolv.conf"),
                ),
            ),
        ),
        (
            "forward 10.0.0.0/7 tls://9.9.9.9%dns.quad9.net tls://[2620:fe::fe]:8853",
            forward.Config(
                ("10.in-addr.arpa.", "11.in-addr.arpa."),
                (Upstream("tls", "9.9.9.9", 853, "dns.quad9.net"), Upstream("tls", "2620:fe::fe", 8853)),
            ),
        ),
        (
            "forward . tls://9.9.9.9%dns.quad9.net:10853",
            forward.Config((".",), (Upstream("tls", "9.9.9.9", 10853, "dns.quad9.net"),)),
        ),
        (
            "forward . Dns.Google tls://dns.example.:853 dns://a.b:5353 {\n resolver 192.0.2.1 [fd00::1]:5353\n}",
            forward.Config(
                (".",),
                (
                    HostName("dns", "dns.google", 53),
                    HostName("tls", "dns.example.", 853),
                    HostName("dns", "a.b", 5353),
                ),
                resolver=("192.0.2.1:53", "[fd00::1]:5353"),
            ),
        ),
        ("forward . fe80::1%eth0", forward.Config((".",), (Upstream("dns", "fe80::1%eth0", 53),))),
        ("forward . 192.0.2.1 {\n except a 10.0.0.0/8\n except b\n}",
         _forward(excepted=("a.", "10.in-addr.arpa.", "b."))),
        ("forward . 192.0.2.1 {\n force_tcp\n prefer_udp\n client_subnet\n}",
         _forward(force_tcp=True, prefer_udp=True, client_subnet=True)),
        ("forward . 192.0.2.1 {\n policy sequential\n expire 20s\n max_age 1m\n read_timeout 500ms\n}",
         _forward(policy="sequential", expire=20, max_age=60, read_timeout=0.5)),
        ("forward . 192.0.2.1 {\n max_fails 0\n max_concurrent 1000\n max_idle_conns 4\n max_connect_attempts 3\n}",
         _forward(max_fails=0, max_concurrent=1000, max_idle_conns=4, max_connect_attempts=3)),
        ("forward . 192.0.2.1 {\n health_check 2s\n}", _forward(health_check=forward.HealthCheck(2))),
        ("forward . 192.0.2.1 {\n health_check 1s no_rec domain Health.local\n}",
         _forward(health_check=forward.HealthCheck(1, False, "health.local."))),
        ("forward . 192.0.2.1 {\n tls\n tls_servername dns.quad9.net\n}", _forward(tls_servername="dns.quad9.net")),
        ("forward . 192.0.2.1 {\n tls ca.pem\n}", _forward(tls=forward.Tls("", "", "ca.pem"))),
        ("forward . 192.0.2.1 {\n tls cert.pem key.pem\n}", _forward(tls=forward.Tls("cert.pem", "key.pem"))),
        ("forward . 192.0.2.1 {\n tls cert.pem key.pem ca.pem\n}",
         _forward(tls=forward.Tls("cert.pem", "key.pem", "ca.pem"))),
        ("forward . 192.0.2.1 {\n failover SERVFAIL REFUSED\n next NXDOMAIN\n next_on_nodata\n}",
         _forward(failover=frozenset({2, 5}), next=frozenset({3}), next_on_nodata=True)),
        ("forward . 192.0.2.1 {\n source_address 192.0.2.9\n failfast_all_unhealthy_upstreams\n}",
         _forward(source_address="192.0.2.9", failfast_all_unhealthy_upstreams=True)),
    ],
)  # fmt: skip
def test_reads(text: str, config: object) -> None:
    assert _read(text) == config


def test_consolidate() -> None:
    config = _read(
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
        ("cache 0", "f:2:7: cache success TTL is 0, but must be between 1 and 604800 seconds"),
        ("cache -1", "f:2:7: cache success TTL is -1"),
        ("cache {\n sucess 9984\n}", 'f:3:2: unknown option "sucess" of cache; did you mean "success"?'),
        ("cache {\n success\n}", "f:3:2: success takes 1 to 3 arguments, but has 0"),
        ("cache {\n success many\n}", 'f:3:10: cache capacity needs a whole number, not "many"'),
        ("cache {\n success 99999999\n}", "f:3:10: cache capacity is 99999999, but must be between"),
        ("cache {\n denial 9984 0\n}", "f:3:14: cache denial TTL is 0, but must be between 1 and 10800 seconds"),
        ("cache {\n denial 9984 5 -1\n}", "f:3:16: cache minimum TTL is -1"),
        ("cache {\n prefetch\n}", "f:3:2: prefetch takes 1 to 3 arguments, but has 0"),
        ("cache {\n prefetch 1 1m 10\n}", 'f:3:16: "10" needs a percent sign, as in 10%'),
        ("cache {\n prefetch 1 1m 95%\n}", "f:3:16: prefetch percentage is 95, but must be between 10 and 90 %"),
        ("cache {\n serve_stale soon\n}", 'f:3:14: serve_stale duration: "soon" is not a duration'),
        ("cache {\n serve_stale 1h later\n}", 'f:3:17: unknown mode of serve_stale "later": write immediate or verify'),
        ("cache {\n serve_stale immediate 1s 1s 1s\n}", 'f:3:30: serve_stale has no place for "1s" here'),
        ("cache {\n serve_stale 1h verify 6s\n}", "f:3:24: verify timeout is 6, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 2h\n}", "f:3:27: serve_stale TTL is 7200, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 1s 6m\n}", "f:3:30: serve_stale recheck is 360, but must be between"),
        ("cache {\n serve_stale 1h verify 1s 1s 1s 1s\n}", "f:3:33: serve_stale takes at most 5 arguments"),
        ("cache {\n serve_stale_policy prefer_positive\n}", "f:3:2: serve_stale_policy needs serve_stale"),
        ("cache {\n servfail 6m\n}", "f:3:11: servfail duration is 360, but must be between 0 and 300 seconds"),
        ("cache {\n disable\n}", "f:3:2: disable takes at least 1 argument, but has 0"),
        ("cache {\n disable all\n}", 'f:3:10: unknown class of answers "all": write success or denial'),
        ("cache {\n keepttl 5\n}", "f:3:10: keepttl takes no arguments, but has 1"),
        ("forward", "f:2:1: forward takes at least 2 arguments, but has 0"),
        ("forward .", "f:2:1: forward takes at least 2 arguments, but has 1"),
        ("forward a..b 192.0.2.1", "f:2:9: 'a..b' has a label of 0 bytes"),
        ("forward . localhost", 'f:2:11: "localhost" is no upstream: write an IP address, or the name of a host'),
        ("forward . 192.0.2.256", 'f:2:11: "192.0.2.256" is no upstream: write an IP address, or the name of a host'),
        ("forward . dns..google", 'f:2:11: "dns..google" is no upstream'),
        ("forward . dns.google:0", 'f:2:11: "dns.google:0": nobody answers on port 0'),
        ("forward . 192.0.2.1:0", 'f:2:11: "192.0.2.1:0": nobody answers on port 0'),
        ("forward . tls://[2001:db8::1]:0", 'f:2:11: "tls://[2001:db8::1]:0": nobody answers on port 0'),
        ("forward . 192.0.2.1:dns", 'f:2:11: "192.0.2.1:dns": "dns" is no port number'),
        ("forward . https://9.9.9.9", "f:2:11: upstreams over https:// are not supported yet"),
        ("forward . tsl://9.9.9.9", 'f:2:11: unknown transport "tsl://"; did you mean "tls"?'),
        ("forward . tls://9.9.9.9%", 'f:2:11: "tls://9.9.9.9%" has no server name behind its "%"'),
        ("forward . dns://", 'f:2:11: "dns://" is no upstream'),
        ("forward . " + " ".join(["::1"] * 16), "f:2:71: forward takes at most 15 upstreams"),
        ("forward . ::1 {\n force_tpc\n}", 'f:3:2: unknown option "force_tpc" of forward; did you mean "force_tcp"?'),
        ("forward . a.b {\n resolver\n}", "f:3:2: resolver takes at least 1 argument, but has 0"),
        ("forward . a.b {\n resolver ns.example\n}", 'f:3:11: "ns.example" is no IP address'),
        ("forward . ::1 {\n client_subnet 32\n}", "f:3:16: client_subnet takes no arguments, but has 1"),
        ("forward . ::1 {\n policy fastest\n}",
         'f:3:9: unknown policy "fastest": write random, round_robin, sequential or least_latency'),
        ("forward . ::1 {\n health_check 1s quick\n}", 'f:3:18: unknown option of health_check "quick"'),
        ("forward . ::1 {\n health_check 1s domain\n}", "f:3:18: domain needs a name behind it"),
        ("forward . ::1 {\n failover NOERROR\n}", 'f:3:11: unknown rcode "NOERROR"'),
        ("forward . ::1 {\n next NXDOMIAN\n}", 'f:3:7: unknown rcode "NXDOMIAN"'),
        ("forward . ::1 {\n tls a b c d\n}", "f:3:12: tls takes at most 3 arguments, but has 4"),
        ("forward . ::1 {\n max_fails -1\n}", "f:3:12: max_fails is -1, but must be between 0 and"),
        ("transfer", 'f:2:1: transfer needs "to" with the addresses that may have the zone'),
        ("transfer {\n to\n}", "f:3:2: to takes at least 1 argument, but has 0"),
        ("transfer {\n to ns.example\n}", 'f:3:5: "ns.example" is no address'),
        ("transfer {\n to 10.0.0.0/33\n}", 'f:3:5: "10.0.0.0/33" is no network'),
        ("transfer {\n from 10.0.0.1\n}", 'f:3:2: unknown option "from" of transfer'),
        ("forward . tls://9.9.9.9%a {\n tls_servername b\n}",
         "f:2:1: write the server's name either as tls_servername or"),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", STANDARD)
def test_equal_lines_are_equal_configs(name: str) -> None:
    words = {  # a reload compares old and new by these
        "bind": "bind ::1",
        "autopath": "autopath @kubernetes",
        "forward": "forward . ::1",
        "rewrite": "rewrite name regex a b",
        "transfer": "transfer {\n to *\n}",
        "template": 'template IN A {\n match a\n answer "{{ .Name }}"\n}',
    }
    text = words.get(name, name)
    assert (_read(text), hash(_read(text))) == (_read(text), hash(_read(text)))
