"""Addresses that are there on every link, and name theirs: listened on, asked by ourselves, and forwarded to."""

from __future__ import annotations

from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from clusterdns.daemon.self_check import SelfCheck
from clusterdns.errors import ConfigError
from clusterdns.forward.resolv_conf import servers_elsewhere
from clusterdns.forward.upstreams import Upstream
from tests.netns.intercepting import inside
from tests.support.netns import Namespace
from tests.unit.daemon.serving import serving

LINK, ADDRESS = "v0", "fe80::9"
COREFILE = """
.:5300 {
    bind v0
    template IN A {
        answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
}
.:53 {
    bind fe80::9%v0 10.9.0.1
    forward . [fe80::9%v0]:5300 {
        OPTION
    }
}
"""


@pytest.fixture
def linked(namespace: Namespace) -> Namespace:
    """With a link of its own that has such an address, and others."""
    namespace.ip(
        f"link add {LINK} type veth peer name v1",
        # Else the kernel makes one of its own, and waits to see whether it is another's.
        f"link set {LINK} addrgenmode none",
        f"link set {LINK} up",
        "link set v1 up",
        f"addr add {ADDRESS}/64 dev {LINK} nodad",
        f"addr add 10.9.0.1/24 dev {LINK}",
        f"addr add fd00:9::1/64 dev {LINK} nodad",
    )
    return namespace


@pytest.mark.parametrize("option", ["", "force_tcp", f"source_address {ADDRESS}%{LINK}"])
def test_it_is_listened_on_and_forwarded_to(linked: Namespace, option: str) -> None:
    async def body() -> None:
        async with serving(COREFILE.replace("OPTION", option)) as server:
            places = [("10.9.0.1", 5300), ("fd00:9::1", 5300), (f"{ADDRESS}%{LINK}", 5300)]
            places += [(f"{ADDRESS}%{LINK}", 53), ("10.9.0.1", 53)]
            assert sorted(server.addresses) == sorted(places)
            checking = SelfCheck(lambda: server.addresses)
            query = dns.message.make_query("web.example.", "A")
            for address, port in places:
                assert await checking._ask((address, port)) is not None
                for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
                    answer = await ask(query, address, 10.0, port)
                    assert [str(rrset[0]) for rrset in answer.answer] == ["192.0.2.1"]

    inside(linked, body)


def test_a_resolv_conf_that_names_ourselves(linked: Namespace, tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(f"nameserver {ADDRESS}%{LINK}\n")
    with pytest.raises(ConfigError, match="names only this node itself"):
        linked.call(lambda: servers_elsewhere(path, {Upstream("::", 53)}))
    assert linked.call(lambda: servers_elsewhere(path, {Upstream("0.0.0.0", 53)}))
