"""The kernel's rules for DNS packets: past connection tracking while nodelocal answers, past nodelocal while not.

    pod ──► raw:  to a DNS address in @alive? ── yes ──► untracked ──► nodelocal ──► pod      (the answer leaving puts
                      │ no                                                                    its address in @alive)
                      ▼
            conntrack ──► kube-proxy's DNAT of a ClusterIP ──► ours, of what kube-proxy left ──► cluster DNS
            (where no endpoint of cluster DNS is known, packets to our own address get its Service's before all that)

`@alive` is a dead man's switch: an element lasts 1.5 s, and only a UDP answer that leaves from port 53 of the address
renews it. TCP does not: a SYN-ACK or a retransmission is the kernel's, and leaves though the program hangs. When the
program ends, the kernel itself tells (port unreachable, or reset for a SYN), and the first such packet ends the
element. No code of ours has to run for any of it.

One table in each address family in use, named TABLE, replaced in one transaction; no table of others is read or
changed. Tables of family `inet` can't translate addresses before Linux 5.2, `ip` and `ip6` can. There are no rules that
accept, as node-cache has: an nftables packet passes only if the chains of *every* table let it, so an accept here could
not overrule a drop elsewhere; and iptables' tables, of either backend, work on beside ours.

Pure text: `apply` of nodelocal/nft.py hands it to the kernel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import (
    INTERCEPTION_ALIVE_SECONDS,
    INTERCEPTION_ENDPOINTS,
    INTERCEPTION_FLOW_SECONDS,
    INTERCEPTION_LEAVE_SECONDS,
)

TABLE = "clusterdns-nodelocal"
_REVISION, _OWNER = "revision-", "owner-"

# Behind kube-proxy and everyone else who translates at the usual priority (dstnat: -100). A connection is translated
# once, by the first who does, so that a ClusterIP goes kube-proxy's way for as long as it has one.
_DNAT_PRIORITY = -95
# Before everyone else who masquerades (srcnat: 100).
_SNAT_PRIORITY = 95


@dataclass(frozen=True, slots=True)
class _Family:
    """What differs between the families' tables. `refused` matches an ICMP error for a UDP packet to port {port}."""

    keyword: str
    address_type: str
    loopback: str
    refused: str

    def only(self, servers: Sequence[Upstream]) -> list[Upstream]:
        """Those of this family."""
        return [server for server in servers if _FAMILIES[ip_address(server.address).version] is self]


# RFC 792, RFC 4443: behind eight bytes of ICMP, the packet that could not be delivered. Its header is compared at fixed
# places; with IP options in it nothing matches, and the element expires by time.
_FAMILIES = {
    4: _Family(
        "ip",
        "ipv4_addr",
        "127.0.0.0/8",
        "icmp type destination-unreachable icmp code port-unreachable @th,64,8 0x45 @th,136,8 17 @th,240,16 {port}",
    ),
    6: _Family(
        "ip6",
        "ipv6_addr",
        "::1",
        "icmpv6 type destination-unreachable icmpv6 code port-unreachable @th,112,8 17 @th,400,16 {port}",
    ),
}

# Replaced as a whole: rules given to a table that is there already would only come behind the ones it has.
_TABLE = """\
add table {ip} {table}
delete table {ip} {table}
table {ip} {table} {{
    set local {{
        type {address_type}
        {lasting}elements = {{ {local} }}
    }}
    # Clients' ends of what was sent to a server under the server's own address: the answers get ours back.
    set asked {{
        type inet_proto . {address_type} . inet_service
        size 65535
        flags dynamic,timeout
        timeout {flow_seconds}s
    }}
{switch}\
    chain aside {{
{aside}    }}
    chain back {{
{back}    }}
    chain queries {{
{decide}\
        jump aside
    }}
    chain prerouting {{
        type filter hook prerouting priority -300; policy accept;
        # What the node asks itself was decided upon when it left.
        iifname != "lo" {ip} daddr @local meta l4proto {{ tcp, udp }} th dport {port} jump queries
    }}
    # Of type route: where a packet to one of the node's own addresses gets another address, it has to leave the node.
    chain output {{
        type route hook output priority -300; policy accept;
{observe}\
        {ip} daddr @local meta l4proto {{ tcp, udp }} th dport {port} jump queries
    }}
    # Behind every translation (srcnat: 100).
    chain input {{
        type filter hook input priority 300; policy accept;
        jump back
    }}
    chain postrouting {{
        type filter hook postrouting priority 300; policy accept;
        jump back
    }}
    chain cluster_dns {{
{endpoints}    }}
    chain nat_prerouting {{
        type nat hook prerouting priority {dnat}; policy accept;
        {ip} daddr @local meta l4proto {{ tcp, udp }} th dport {port} jump cluster_dns
    }}
    chain nat_output {{
        type nat hook output priority {dnat}; policy accept;
        {ip} daddr @local meta l4proto {{ tcp, udp }} th dport {port} jump cluster_dns
    }}
    # Who asks a local address from the node itself does so from that address, which nobody else could answer to.
    chain nat_postrouting {{
        type nat hook postrouting priority {snat}; policy accept;
        {ip} saddr @local oifname != "lo" masquerade
    }}
}}
"""
_SWITCH = """\
    set alive {{
        type {address_type}
        size 1024
        flags dynamic,timeout
        timeout {alive_ms}ms
    }}
    # An element of @alive that is to end at once lives on for up to a tick of the kernel, longer than a client takes to
    # be refused twice and to give up. An element here counts at once.
    set refused {{
        type {address_type}
        size 1024
        flags dynamic,timeout
        timeout 20ms
    }}
    # Clients' ends of the TCP connections that were opened past nodelocal: they stay there when it is back.
    set past {{
        type {address_type} . {address_type} . inet_service
        size 65535
        flags dynamic,timeout
        timeout {flow_seconds}s
    }}
    chain {revision} {{
    }}
    # Which process looks after this table, and takes it away. It changes hands as a whole.
    chain {owner} {{
    }}
    # RFC 1035 section 4.1.1: the bit behind the ID says that a message is an answer.
    chain renew {{
        @th,80,1 1 update @alive {{ {ip} saddr }}
    }}
    chain die {{
        update @refused {{ {ip} saddr }}
        update @alive {{ {ip} saddr timeout 1ms }}
    }}
    # Segments of connections with nodelocal. Dead, they may reach cluster DNS, whose reset makes the client try again;
    # while it drains they still are its own.
    chain abandoned {{
    }}
    chain stay_past {{
        update @past {{ {ip} saddr . {ip} daddr . tcp sport }}
        jump aside
        accept
    }}
"""
_DECIDE = """\
        tcp flags & (syn | ack) != syn {ip} saddr . {ip} daddr . tcp sport @past jump stay_past
        {ip} daddr @alive {ip} daddr != @refused notrack accept
        tcp flags & (syn | ack) == syn update @past {{ {ip} saddr . {ip} daddr . tcp sport }}
        tcp flags & (syn | ack) != syn jump abandoned
"""
_OBSERVE = """\
        {ip} saddr @alive {refused} jump die
        {ip} saddr @alive tcp sport {port} tcp flags & (syn | rst | ack) == (rst | ack) tcp sequence 0 jump die
        {ip} saddr @local udp sport {port} jump renew
        {ip} saddr @local meta l4proto {{ tcp, udp }} th sport {port} notrack accept
        # Our own questions to ourselves must get there, whoever else is sent past us.
        {ip} saddr {loopback} {ip} daddr @local udp dport {port} notrack accept
"""
_HEALTH = """\
        {ip} daddr @local tcp dport {health_port} notrack accept
        {ip} saddr @local tcp sport {health_port} notrack accept
"""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where clients are sent while nodelocal does not answer: to `endpoints`, or where none is known, to a server.

    Endpoints are cluster DNS servers themselves. `servers` may be Services, too: a connection is translated only once,
    so that packets to them are not; they get the server's address, and kube-proxy does with them as with all others.
    """

    endpoints: tuple[Upstream, ...] = ()
    servers: tuple[Upstream, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.endpoints or self.servers)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules are for: `local` addresses (at least one; canonical) at `port`, of both families.

    `health_port` is the port of the node's own probes, kept out of connection tracking as node-cache does; 0: none.
    `owner`, letters and digits, is the process that makes them.
    """

    local: tuple[str, ...]
    port: int
    health_port: int = 0
    owner: str = "nobody"

    @property
    def families(self) -> tuple[str, ...]:
        """Keywords of the families that have a table: `ip`, `ip6` or both."""
        return tuple(family.keyword for family, _ in self._by_family())

    @property
    def revision(self) -> str:
        """Name of a chain without rules. A table that has it has these rules, apart from who is elsewhere."""
        nobody = Elsewhere()
        text = "".join(self._table(family, local, nobody, "-") for family, local in self._by_family())
        return _REVISION + hashlib.sha256(text.encode()).hexdigest()[:12]

    def install(self, elsewhere: Elsewhere) -> str:
        """Make or replace the tables. Nobody is alive then, until an answer leaves."""
        return "".join(self._table(family, local, elsewhere, self.revision) for family, local in self._by_family())

    def change(self, elsewhere: Elsewhere) -> str:
        """Send clients elsewhere than before from now on; who is alive stays so."""
        lines = []
        for family, local in self._by_family():
            for chain, rules in self._ways(family, local, elsewhere).items():
                lines.append(f"flush chain {family.keyword} {TABLE} {chain}")
                lines += [f"add rule {family.keyword} {TABLE} {chain} {rule}" for rule in rules]
        return "\n".join(lines) + "\n"

    def take_over(self, listed: Sequence[str]) -> str:
        """Tables of this revision become ours, as they are; `listed` are the tables, in the order of `families`.

        Fails, and changes nothing, if they have changed hands since.
        """
        lines = []
        for family, text in zip(self.families, listed, strict=True):
            lines += [
                f"delete chain {family} {TABLE} {_OWNER}{owner_in(text)}",
                f"add chain {family} {TABLE} {_OWNER}{self.owner}",
            ]
        return "\n".join(lines) + "\n"

    def withdraw(self) -> str:
        """Send clients past nodelocal now and for good, though it still answers what it has; its TCP connections stay.

        The revision goes: whoever comes next replaces the tables. Fails, and changes nothing, if they are not ours.
        """
        lines = [self._if_ours()]
        for family in self.families:
            lines += [
                f"flush chain {family} {TABLE} renew",
                f"flush set {family} {TABLE} alive",
                f"add rule {family} {TABLE} abandoned notrack accept",
                f"delete chain {family} {TABLE} {self.revision}",
            ]
        return "\n".join(lines) + "\n"

    def leave(self, elsewhere: Elsewhere) -> str:
        """Leave nothing but the way elsewhere, until the next nodelocal starts, or for INTERCEPTION_LEAVE_SECONDS.

        Clients of an address that no Service has would be without DNS during an update, else. When the time is over,
        nothing matches any more. Fails, and changes nothing, if the tables are not ours.
        """
        return self._if_ours() + "".join(self._table(family, local, elsewhere) for family, local in self._by_family())

    def remove(self) -> str:
        """Take the tables away. Fails, and changes nothing, if they are not ours."""
        return self._if_ours() + "".join(f"delete table {family} {TABLE}\n" for family in self.families)

    def _if_ours(self) -> str:
        """Changes nothing, but fails where the chain is not there, and all that follows with it."""
        return "".join(f"flush chain {family} {TABLE} {_OWNER}{self.owner}\n" for family in self.families)

    def _by_family(self) -> list[tuple[_Family, list[str]]]:
        found = []
        for version, family in _FAMILIES.items():
            if local := [address for address in self.local if ip_address(address).version == version]:
                found.append((family, local))
        return found

    def _table(self, family: _Family, local: Sequence[str], elsewhere: Elsewhere, revision: str = "") -> str:
        """One family's table; without a revision, it has no dead man's switch, and its addresses go after a while."""
        values = {
            "ip": family.keyword,
            "table": TABLE,
            "address_type": family.address_type,
            "local": ", ".join(local),
            "lasting": "",
            "alive_ms": int(INTERCEPTION_ALIVE_SECONDS.default * 1000),
            "flow_seconds": INTERCEPTION_FLOW_SECONDS.default_int,
            "revision": revision,
            "owner": _OWNER + (self.owner if revision.startswith(_REVISION) else ""),
            "port": self.port,
            "health_port": self.health_port,
            "loopback": family.loopback,
            "refused": family.refused.format(port=self.port),
            "dnat": _DNAT_PRIORITY,
            "snat": _SNAT_PRIORITY,
        }
        parts = dict.fromkeys(("switch", "decide", "observe"), "")
        if revision:
            observe = _OBSERVE + (_HEALTH if self.health_port else "")
            parts = {"switch": _SWITCH, "decide": _DECIDE, "observe": observe}
            parts = {name: part.format_map(values) for name, part in parts.items()}
        else:
            values["lasting"] = f"flags timeout\n        timeout {INTERCEPTION_LEAVE_SECONDS.default_int}s\n        "
        ways = self._ways(family, local, elsewhere).items()
        chains = {chain: "".join(f"        {rule}\n" for rule in rules) for chain, rules in ways}
        chains["endpoints"] = chains.pop("cluster_dns")
        return _TABLE.format_map(values | parts | chains)

    def _ways(self, family: _Family, local: Sequence[str], elsewhere: Elsewhere) -> dict[str, list[str]]:
        """The rules of the chains that send clients elsewhere, by chain."""
        endpoints = family.only(elsewhere.endpoints)[: INTERCEPTION_ENDPOINTS.default_int]
        ways: dict[str, list[str]] = {"cluster_dns": _translate(family, endpoints), "aside": [], "back": []}
        # No rule changes a port here; clients of the other addresses have kube-proxy.
        servers = [server for server in family.only(elsewhere.servers) if server.port == self.port]
        if servers and not endpoints:
            ip, server = family.keyword, servers[0].address
            ours = next((address for address in local if ip_address(address).is_link_local), local[0])
            ways["aside"] = [
                f"{ip} daddr {ours} update @asked {{ meta l4proto . {ip} saddr . th sport }} {ip} daddr set {server}"
            ]
            theirs = f"{ip} saddr {server} meta l4proto {{ tcp, udp }} th sport {self.port}"
            ways["back"] = [f"{theirs} meta l4proto . {ip} daddr . th dport @asked {ip} saddr set {ours}"]
        return ways


def revision_in(listing: str) -> str:
    """The revision of a listed table; empty if there is none."""
    return _chain_in(listing, _REVISION)


def owner_in(listing: str) -> str:
    """Which process a listed table belongs to; empty if to none."""
    return _chain_in(listing, _OWNER).removeprefix(_OWNER)


def _chain_in(listing: str, prefix: str) -> str:
    for line in listing.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "chain" and words[1].startswith(prefix):
            return words[1]
    return ""


def _translate(family: _Family, endpoints: Sequence[Upstream]) -> list[str]:
    """Rules that send a new connection to one of the family's endpoints, each as likely as the others.

    One rule for each, as kube-proxy has, because ports may differ and a map from numbers to addresses with ports needs
    Linux 5.6.
    """
    rules = []
    for index, endpoint in enumerate(endpoints):
        left = len(endpoints) - index
        chance = f"numgen random mod {left} 0 " if left > 1 else ""
        to = f"[{endpoint.address}]" if family.keyword == "ip6" else endpoint.address
        rules.append(f"meta l4proto {{ tcp, udp }} {chance}dnat to {to}:{endpoint.port}")
    return rules
