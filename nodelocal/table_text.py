"""The text of our tables, one for each address family; nodelocal/nftables.py fills it in, and says what it is for.

A table is TABLE with its chains; while nodelocal serves, SWITCH, DECIDE, OBSERVE and HEALTH are in it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from clusterdns.forward.upstreams import Upstream

# Behind the rules of others that may keep packets out of connection tracking (raw: -300), to see whether they do.
RAW_PRIORITY = -299
# Behind kube-proxy and everyone else who translates at the usual priority (dstnat: -100). A connection is translated
# once, by the first who does, so that a ClusterIP goes kube-proxy's way for as long as it has one.
DNAT_PRIORITY = -95
# Before everyone else who masquerades (srcnat: 100).
SNAT_PRIORITY = 95


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between the families' tables. `refused` matches an ICMP error for a UDP packet to port {port}."""

    keyword: str
    address_type: str
    loopback: str
    refused: str

    def only(self, servers: Sequence[Upstream]) -> list[Upstream]:
        """Those of this family."""
        return [server for server in servers if FAMILIES[ip_address(server.address).version] is self]


# RFC 792, RFC 4443: behind eight bytes of ICMP, the packet that could not be delivered. Its header is compared at fixed
# places; with IP options in it nothing matches, and the element expires by time.
FAMILIES = {
    4: Family(
        "ip",
        "ipv4_addr",
        "127.0.0.0/8",
        "icmp type destination-unreachable icmp code port-unreachable @th,64,8 0x45 @th,136,8 17 @th,240,16 {port}",
    ),
    6: Family(
        "ip6",
        "ipv6_addr",
        "::1",
        "icmpv6 type destination-unreachable icmpv6 code port-unreachable @th,112,8 17 @th,400,16 {port}",
    ),
}

TABLE = """\
table {ip} {table} {{
    # Elements without a timeout stay.
    set local {{
        type {address_type}
        flags timeout
        elements = {{ {local} }}
    }}
    chain {mark} {{
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
        type filter hook prerouting priority {raw}; policy accept;
        # What the node asks itself was decided upon when it left.
        iifname != "lo" {ip} daddr @local meta l4proto {{ tcp, udp }} th dport {port} jump queries
    }}
    # Of type route: where a packet to one of the node's own addresses gets another address, it has to leave the node.
    chain output {{
        type route hook output priority {raw}; policy accept;
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
SWITCH = """\
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
    # Where others keep our own questions out of connection tracking, and so all others' when nodelocal is dead.
    set untracked {{
        type {address_type}
        size 1024
        flags dynamic,timeout
        timeout {alive_ms}ms
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
DECIDE = """\
        tcp flags & (syn | ack) != syn {ip} saddr . {ip} daddr . tcp sport @past jump stay_past
        {ip} daddr @alive {ip} daddr != @refused notrack accept
        tcp flags & (syn | ack) == syn update @past {{ {ip} saddr . {ip} daddr . tcp sport }}
        tcp flags & (syn | ack) != syn jump abandoned
"""
OBSERVE = """\
        {ip} saddr @alive {refused} jump die
        {ip} saddr @alive tcp sport {port} tcp flags & (syn | rst | ack) == (rst | ack) tcp sequence 0 jump die
        {ip} saddr @local udp sport {port} jump renew
        {ip} saddr @local meta l4proto {{ tcp, udp }} th sport {port} notrack accept
        # Our own questions to ourselves must get there, whoever else is sent past us.
        {ip} saddr {loopback} {ip} daddr @local udp dport {port} ct state untracked update @untracked {{ {ip} daddr }}
        {ip} saddr {loopback} {ip} daddr @local udp dport {port} notrack accept
"""
HEALTH = """\
        {ip} daddr @local tcp dport {health_port} notrack accept
        {ip} saddr @local tcp sport {health_port} notrack accept
"""
