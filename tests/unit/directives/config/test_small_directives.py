"""acl, any, bufsize, dns64, loadbalance, local, minimal and whoami: rows of what they read, and of what they refuse."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_network

import pytest

from clusterdns.directives.config import acl, bufsize, dns64, loadbalance, local, minimal, whoami
from clusterdns.directives.config import any as any_config
from clusterdns.errors import ConfigError
from tests.unit.directives.config.parsing import read


def _acl(*policies: acl.Policy) -> acl.Config:
    return acl.Config((), policies)


TEN = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("any", any_config.Config()),
        ("minimal", minimal.Config()),
        ("whoami", whoami.Config()),
        ("local", local.Config()),
        ("local {\n localhost_prefix off\n}", local.Config(False)),
        ("local {\n localhost_prefix on\n}", local.Config(True)),
        ("bufsize", bufsize.Config(1232)),
        ("bufsize 512", bufsize.Config(512)),
        ("bufsize 4096", bufsize.Config(4096)),
        ("dns64", dns64.Config(IPv6Network("64:ff9b::/96"))),
        ("dns64 64:1337::/96", dns64.Config(IPv6Network("64:1337::/96"))),
        ("dns64 {\n prefix 64:1337::/32\n}", dns64.Config(IPv6Network("64:1337::/32"))),
        ("dns64 {\n translate_all\n allow_ipv4\n}", dns64.Config(translate_all=True, allow_ipv4=True)),
        ("dns64 64:1337::/96 {\n translate_all\n}", dns64.Config(IPv6Network("64:1337::/96"), translate_all=True)),
        ("loadbalance", loadbalance.Config()),
        ("loadbalance weighted w", loadbalance.Config(weights="w")),
        (
            "loadbalance weighted w {\n reload 0s\n limit_answers 3\n}",
            loadbalance.Config(weights="w", reload=0, limit_answers=3),
        ),
        ("loadbalance round_robin {\n prefer 10.0.0.0/8\n}", loadbalance.Config(TEN)),
        (
            "loadbalance {\n prefer 10.1.2.3/8 fd00::/8\n prefer 192.0.2.1\n}",
            loadbalance.Config((*TEN, ip_network("fd00::/8"), ip_network("192.0.2.1"))),
        ),
        ("acl", _acl()),
        ("acl a.Example 10.0.0.0/8", acl.Config(("a.example.", "10.in-addr.arpa."))),
        ("acl {\n block\n}", _acl(acl.Policy("block"))),
        ("acl {\n allow net 10.9.9.9/8\n}", _acl(acl.Policy("allow", None, TEN))),
        ("acl {\n filter type A aaaa TYPE65\n}", _acl(acl.Policy("filter", frozenset({1, 28, 65})))),
        ("acl {\n drop net 10.0.0.0/8 type ANY\n}", _acl(acl.Policy("drop", frozenset({255}), TEN))),
        ("acl {\n block type * net *\n}", _acl(acl.Policy("block"))),
        ("acl {\n block net 10.0.0.0/8 *\n}", _acl(acl.Policy("block"))),
        (
            "acl {\n allow net ::1\n block\n}",
            _acl(acl.Policy("allow", None, (ip_network("::1"),)), acl.Policy("block")),
        ),
    ],
)
def test_read(text: str, config: object) -> None:
    assert read(text) == config


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("any x", "f:2:5: any takes no arguments, but has 1"),
        ("any {\n}", 'f:2:1: any has no options: remove its "{ }"'),
        ("minimal yes", "f:2:9: minimal takes no arguments, but has 1"),
        ("whoami x", "f:2:8: whoami takes no arguments, but has 1"),
        ("local x", "f:2:7: local takes no arguments, but has 1"),
        ("local {\n localhost_prefix maybe\n}", 'f:3:19: unknown value of localhost_prefix "maybe": write on or off'),
        ("local {\n prefix on\n}", 'f:3:2: unknown option "prefix" of local'),
        ("bufsize 511", "f:2:9: bufsize is 511, but must be between 512 and 4096 bytes"),
        ("bufsize 4097", "f:2:9: bufsize is 4097, but must be between 512 and 4096 bytes"),
        ("bufsize big", 'f:2:9: bufsize needs a whole number, not "big"'),
        ("bufsize 512 512", "f:2:13: bufsize takes at most 1 argument, but has 2"),
        ("dns64 10.0.0.0/8", 'f:2:7: "10.0.0.0/8" is no prefix of NAT64'),
        ("dns64 64:ff9b::/72", 'f:2:7: "64:ff9b::/72" is no prefix of NAT64'),
        ("dns64 64:ff9b::/24", 'f:2:7: "64:ff9b::/24" is no prefix of NAT64'),
        ("dns64 64:ff9b:0:0:100::/96", "f:2:7: .* its bits 64 to 71 must be zero"),
        ("dns64 x", 'f:2:7: "x" is no network'),
        ("dns64 {\n translate_all yes\n}", "f:3:16: translate_all takes no arguments, but has 1"),
        ("dns64 {\n upstream\n}", 'f:3:2: unknown option "upstream" of dns64'),
        ("loadbalance weighted", "f:2:1: loadbalance takes 2 arguments, but has 1"),
        ("loadbalance weighted a b", "f:2:24: loadbalance takes 2 arguments, but has 3"),
        ("loadbalance round_robin a", "f:2:25: loadbalance takes 1 argument, but has 2"),
        ("loadbalance weighted a {\n prefer 10.0.0.0/8\n}", "f:3:2: prefer is an option of round_robin, not of"),
        ("loadbalance weighted a {\n reload 10\n}", 'f:3:9: loadbalance reload: "10" is not a duration'),
        ("loadbalance {\n limit_answers -1\n}", "f:3:16: limit_answers is -1, but must be between 0"),
        ("loadbalance {\n prefer\n}", "f:3:2: prefer takes at least 1 argument, but has 0"),
        ("loadbalance {\n prefer 10.0.0.0/33\n}", 'f:3:9: "10.0.0.0/33" is no network'),
        ("loadbalance {\n reload 10s\n}", "f:3:2: reload is an option of weighted"),
        ("acl {\n deny\n}", 'f:3:2: unknown option "deny" of acl'),
        ("acl {\n block net\n}", "f:3:2: net needs something behind it"),
        ("acl {\n block type net *\n}", "f:3:13: type needs something behind it"),
        ("acl {\n block type A net\n}", "f:3:2: net needs something behind it"),
        ("acl {\n block type AAA\n}", 'f:3:13: "AAA" is no record type: .* did you mean "AAAA"'),
        ("acl {\n block type TYPE65536\n}", 'f:3:13: "TYPE65536" is no record type'),
        ("acl {\n block net 10.0.0.300\n}", 'f:3:12: "10.0.0.300" is no network'),
        ("acl {\n block 10.0.0.0/8\n}", 'f:3:8: block takes "type" and "net"'),
        ("acl {\n block file list.txt\n}", 'f:3:8: block takes "type" and "net"'),
        ("acl a..b", "f:2:5: 'a..b' has a label of 0 bytes"),
    ],
)
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=f"^{error}"):
        read(text)
