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

One table in each address family in use, named TABLE, changed in one transaction; no table of others is read or
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
from nodelocal import table_text
from nodelocal.table_text import FAMILIES, Family

TABLE = "clusterdns-nodelocal"
_REVISION, _LEFT, _OWNER = "revision-", "left-", "owner-"


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
        return _REVISION + self._digest

    @property
    def _digest(self) -> str:
        """The same for two tables that may differ in their rules only, not in their sets and chains."""
        nobody = Elsewhere()
        text = "".join(self._table(family, local, nobody, "") for family, local in self._by_family())
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def install(self, elsewhere: Elsewhere, listed: Sequence[str] = ()) -> str:
        """Make or replace the tables. Nobody is alive then, or who was before, until an answer leaves.

        `listed` are the tables that are there, in the order of `families`. If they are of this revision, or were left
        by it, their rules are replaced and their sets stay, so that answers that are under way find their clients.
        """
        mark = self.revision
        fits = bool(listed) and all(self._digest in text for text in listed)
        script = []
        for index, (family, local) in enumerate(self._by_family()):
            ip = family.keyword
            if fits:
                script.append(self._empty(ip, _LEFT))
                if (owner := owner_in(listed[index])) not in ("", self.owner):
                    script.append(f"delete chain {ip} {TABLE} {_OWNER}{owner}\n")
            else:
                script.append(f"add table {ip} {TABLE}\ndelete table {ip} {TABLE}\n")
            script.append(self._table(family, local, elsewhere, mark))
        return "".join(script)

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

        Whoever comes next makes the rules anew. Fails, and changes nothing, if they are not ours.
        """
        lines = [self._if_ours()]
        for family in self.families:
            lines += [
                f"flush chain {family} {TABLE} renew",
                f"flush set {family} {TABLE} alive",
                f"add rule {family} {TABLE} abandoned notrack accept",
                f"delete chain {family} {TABLE} {self.revision}",
                f"add chain {family} {TABLE} {_LEFT}{self._digest}",
            ]
        return "\n".join(lines) + "\n"

    def leave(self, elsewhere: Elsewhere) -> str:
        """Leave nothing but the way elsewhere, until the next nodelocal starts, or for INTERCEPTION_LEAVE_SECONDS.

        Clients of an address that no Service has would be without DNS during an update, else. When the time is over,
        nothing matches any more. Fails, and changes nothing, if the tables are not ours.
        """
        seconds = INTERCEPTION_LEAVE_SECONDS.default_int
        script = [self._if_ours()]
        for family, local in self._by_family():
            elements = [f"{address} timeout {seconds}s" for address in local]
            script += [
                self._empty(family.keyword, _REVISION),
                f"delete chain {family.keyword} {TABLE} {_OWNER}{self.owner}\n",
                self._table(family, elements, elsewhere, _LEFT + self._digest),
            ]
        return "".join(script)

    def remove(self) -> str:
        """Take the tables away. Fails, and changes nothing, if they are not ours."""
        return self._if_ours() + "".join(f"delete table {family} {TABLE}\n" for family in self.families)

    def _if_ours(self) -> str:
        """Changes nothing, but fails where the chain is not there, and all that follows with it."""
        return "".join(f"flush chain {family} {TABLE} {_OWNER}{self.owner}\n" for family in self.families)

    def _empty(self, ip: str, mark: str) -> str:
        """Take away all rules of a table, its own addresses, and a mark, if it is there."""
        chain = f"chain {ip} {TABLE} {mark}{self._digest}"
        return f"flush table {ip} {TABLE}\nflush set {ip} {TABLE} local\nadd {chain}\ndelete {chain}\n"

    def _by_family(self) -> list[tuple[Family, list[str]]]:
        found = []
        for version, family in FAMILIES.items():
            if local := [address for address in self.local if ip_address(address).version == version]:
                found.append((family, local))
        return found

    def _table(self, family: Family, local: Sequence[str], elsewhere: Elsewhere, mark: str) -> str:
        """One family's table, with elements of @local; one that is left has no dead man's switch."""
        values = {
            "ip": family.keyword,
            "table": TABLE,
            "address_type": family.address_type,
            "local": ", ".join(local),
            "alive_ms": int(INTERCEPTION_ALIVE_SECONDS.default * 1000),
            "flow_seconds": INTERCEPTION_FLOW_SECONDS.default_int,
            "mark": mark,
            "owner": _OWNER + self.owner * bool(mark),
            "port": self.port,
            "health_port": self.health_port,
            "loopback": family.loopback,
            "refused": family.refused.format(port=self.port),
            "raw": table_text.RAW_PRIORITY,
            "dnat": table_text.DNAT_PRIORITY,
            "snat": table_text.SNAT_PRIORITY,
        }
        parts = dict.fromkeys(("switch", "decide", "observe"), "")
        if not mark.startswith(_LEFT):
            observe = table_text.OBSERVE + (table_text.HEALTH if self.health_port else "")
            parts = {"switch": table_text.SWITCH, "decide": table_text.DECIDE, "observe": observe}
            parts = {name: part.format_map(values) for name, part in parts.items()}
        ways = self._ways(family, local, elsewhere).items()
        chains = {chain: "".join(f"        {rule}\n" for rule in rules) for chain, rules in ways}
        chains["endpoints"] = chains.pop("cluster_dns")
        return table_text.TABLE.format_map(values | parts | chains)

    def _ways(self, family: Family, elements: Sequence[str], elsewhere: Elsewhere) -> dict[str, list[str]]:
        """The rules of the chains that send clients elsewhere, by chain."""
        endpoints = family.only(elsewhere.endpoints)[: INTERCEPTION_ENDPOINTS.default_int]
        ways: dict[str, list[str]] = {"cluster_dns": _translate(family, endpoints), "aside": [], "back": []}
        # No rule changes a port here; clients of the other addresses have kube-proxy.
        servers = [server for server in family.only(elsewhere.servers) if server.port == self.port]
        if servers and not endpoints:
            ip, server = family.keyword, servers[0].address
            local = [element.split()[0] for element in elements]
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


def _translate(family: Family, endpoints: Sequence[Upstream]) -> list[str]:
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
