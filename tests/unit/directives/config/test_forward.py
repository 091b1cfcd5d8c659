"""The `forward` directive: rows of what it reads, and rows of what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.directives.config import forward
from clusterdns.directives.config.upstreams import HostName, ResolvConf, Upstream
from clusterdns.errors import ConfigError
from tests.unit.directives.config.parsing import read


def _forward(**settings: Any) -> forward.Config:
    return forward.Config((".",), (Upstream("dns", "192.0.2.1", 53),), **settings)


@pytest.mark.parametrize(
    ("text", "config"),
    [
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
        ("forward . 192.0.2.1 {\n failover servfail\n failover REFUSED\n next nxdomain\n next ServFail\n}",
         _forward(failover=frozenset({2, 5}), next=frozenset({2, 3}))),
        ("forward . 192.0.2.1 {\n source_address 192.0.2.9\n failfast_all_unhealthy_upstreams\n}",
         _forward(source_address="192.0.2.9", failfast_all_unhealthy_upstreams=True)),
    ],
)  # fmt: skip
def test_reads(text: str, config: forward.Config) -> None:
    assert read(text) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
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
        ("forward . https://9.9.9.9", "f:2:11: upstreams over https:// are not supported here: write dns:// or tls://"),
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
        ("forward . tls://9.9.9.9%a {\n tls_servername b\n}",
         "f:2:1: write the server's name either as tls_servername or"),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
