"""The node's link that carries the DNS addresses, made and kept through netlink.

    -interfacename, -localip ──► ensure ──► a dummy link, up, with each address as /32 or /128
    another program changes it ──► Changes ──► ensure again

Where the kernel has no dummy links, it is a bridge without ports, which carries addresses as well. Calls block for as
long as the kernel's lock on links is held by somebody else, seconds on a busy node: run them beside the event loop
(nodelocal/interception.py does). rtnetlink(7).
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from pyroute2 import IPRoute, NetlinkError

from clusterdns.errors import ClusterDNSError, ConfigError, KernelUnsupported
from clusterdns.listen.interfaces import open_netlink

_log = logging.getLogger(__name__)

_KINDS = ("dummy", "bridge")
_IPVS = "kube-ipvs0"
"""Where kube-proxy puts the ClusterIPs of all Services, if it works by IPVS."""
_UP = 0x1
_SCOPE_HOST = 254
_NODAD = 0x02
_NOPREFIXROUTE = 0x200


class InterfaceNotChanged(ClusterDNSError):
    """The kernel refused a change for a reason that may pass."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Interface:
    """A link by its name, and the addresses that it is to have (canonical, of both families)."""

    name: str
    addresses: tuple[str, ...]

    def ensure(self) -> tuple[str, ...]:
        """Make what is missing of link and addresses; returns what that was, in words.

        Raises ConfigError if the name belongs to a link of another kind, or an address to IPVS; KernelUnsupported
        without privilege or kernel support; and InterfaceNotChanged.
        """
        done = []
        try:
            with open_netlink() as netlink:
                self._refuse_addresses_of_ipvs(netlink)
                link = _find(netlink, self.name)
                if link is None:
                    done.append(f"made the {_make(netlink, self.name)} link {self.name}")
                    link = _find(netlink, self.name)
                    if link is None:
                        raise InterfaceNotChanged(f"the link {self.name} was removed as soon as it was made")
                self._refuse_foreign(netlink, link)
                if not link.up:
                    netlink.link("set", index=link.index, state="up")
                    done.append(f"set {self.name} up")
                present = _addresses(netlink, link.index)
                for address in self.addresses:
                    if address not in present:
                        _add_address(netlink, link.index, address)
                        done.append(f"gave it {address}")
        except NetlinkError as error:
            raise _explain(error, f"the link {self.name}") from error
        except OSError as error:
            raise InterfaceNotChanged(f"no netlink socket for the link {self.name}: {error.strerror}") from error
        return tuple(done)

    def remove(self) -> bool:
        """Remove the link with its addresses; False if there is none. Raises as `ensure`."""
        try:
            with open_netlink() as netlink:
                link = _find(netlink, self.name)
                if link is None:
                    return False
                self._refuse_foreign(netlink, link)
                netlink.link("del", index=link.index)
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return False
            raise _explain(error, f"the link {self.name}") from error
        except OSError as error:
            raise InterfaceNotChanged(f"no netlink socket for the link {self.name}: {error.strerror}") from error
        return True

    def _refuse_addresses_of_ipvs(self, netlink: IPRoute) -> None:
        """IPVS takes packets to a ClusterIP before they reach a socket: nodelocal would listen there for nothing."""
        link = _find(netlink, _IPVS)
        taken = [] if link is None else sorted(_addresses(netlink, link.index).intersection(self.addresses))
        if taken:
            raise ConfigError(
                f"{', '.join(taken)} is on the link {_IPVS}, so that kube-proxy works by IPVS, and packets to it never "
                "come here: write the link-local address only, here and as clusterDNS of the kubelet",
                source="-localip",
            )

    def _refuse_foreign(self, netlink: IPRoute, link: _Link) -> None:
        kind = link.kind
        if kind == "bridge" and any(True for _ in netlink.link("dump", master=link.index)):
            kind = "bridge with ports"
        if kind not in _KINDS:
            raise ConfigError(
                f'there is a link "{self.name}" already, and it is not ours ({kind}): write another name',
                source="-interfacename",
            )


@dataclass(frozen=True, slots=True)
class _Link:
    index: int
    kind: str
    up: bool


def _find(netlink: IPRoute, name: str) -> _Link | None:
    try:
        (found,) = netlink.link("get", ifname=name)
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise
    # Hardware has no kind.
    kind = found.get(("linkinfo", "kind")) or "a network card"
    return _Link(found["index"], kind, bool(found["flags"] & _UP))


def _make(netlink: IPRoute, name: str) -> str:
    """Make the link; returns its kind."""
    for kind in _KINDS:
        try:
            netlink.link("add", ifname=name, kind=kind)
        except NetlinkError as error:
            if error.code == errno.EEXIST:
                return kind  # a process that starts beside us was first
            if error.code != errno.EOPNOTSUPP:
                raise
            _log.debug("this kernel has no %s links", kind)
        else:
            if kind != _KINDS[0]:
                _log.info("this kernel has no %s links: %s is a %s without ports", _KINDS[0], name, kind)
            return kind
    raise KernelUnsupported("a link for the DNS addresses", f"a kernel with {' or '.join(_KINDS)} links")


def _addresses(netlink: IPRoute, index: int) -> set[str]:
    """The link's addresses that are whole hosts."""
    found = set()
    for message in netlink.addr("dump", index=index):
        address = ip_address(message.get("local") or message.get("address"))
        if message["prefixlen"] == address.max_prefixlen:
            found.add(address.compressed)
    return found


def _add_address(netlink: IPRoute, index: int, address: str) -> None:
    """Add one address, of no use as the source of the node's own traffic to others."""
    parsed = ip_address(address)
    try:
        if parsed.version == 4:
            netlink.addr("add", index=index, address=address, prefixlen=32, scope=_SCOPE_HOST)
        else:
            # RFC 4862: without duplicate address detection it can be bound at once, and for want of a preferred
            # lifetime it is deprecated (section 5.5.4).
            flags = _NODAD | _NOPREFIXROUTE
            netlink.addr("add", index=index, address=address, prefixlen=128, flags=flags, preferred_lft=0)
    except NetlinkError as error:
        if error.code != errno.EEXIST:
            raise _explain(error, f"the address {address}") from error


def _explain(error: NetlinkError, what: str) -> ClusterDNSError:
    if error.code in (errno.EPERM, errno.EACCES):
        # Before Linux 6.13 the kernel says EACCES for an IPv6 address where IPv6 is switched off.
        if error.code == errno.EACCES and "address" in what and ":" in what:
            return KernelUnsupported(what, "IPv6, which is switched off (sysctl net.ipv6.conf.*.disable_ipv6)")
        return KernelUnsupported(what, "CAP_NET_ADMIN")
    if error.code in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        return KernelUnsupported(what, "a kernel that has this kind of link and address family")
    return InterfaceNotChanged(f"{what}: {error.args[-1]}")


# rtnetlink(7): the groups that tell of links and of addresses.
_GROUPS = 0x1 | 0x10 | 0x100
_HEADER = struct.Struct("=I12x")
_INDEX = struct.Struct("=4xi")
"""Both ifinfomsg and ifaddrmsg have the link's index behind four bytes."""
_READ_BYTES = 65536


class Changes:
    """Tells whether a link or its addresses have changed, as soon as netlink does.

    A message is not decoded, only looked at for its link: a node makes and removes a link with every pod, and the
    packet path shares its thread.
    """

    def __init__(self, name: str) -> None:
        """Raises OSError without netlink."""
        self._name = name
        self._index = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        self.follow()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For the event loop: when there is something to read, call `read`."""
        return self._socket.fileno()

    def follow(self) -> None:
        """Follow the link that has the name now."""
        try:
            self._index = socket.if_nametoindex(self._name)
        except OSError:
            self._index = 0

    def read(self) -> bool:
        """Take all messages that have come; true if one was about our link."""
        concerned = False
        while True:
            try:
                messages = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return concerned
            except OSError:
                concerned = True  # ENOBUFS: more came than the socket holds, and nobody knows what
                continue
            concerned |= self._concern_us(messages)

    def _concern_us(self, messages: bytes) -> bool:
        offset = 0
        while offset + _HEADER.size + _INDEX.size <= len(messages):
            (length,) = _HEADER.unpack_from(messages, offset)
            if _INDEX.unpack_from(messages, offset + _HEADER.size) == (self._index,):
                return True
            offset += max((length + 3) & ~3, _HEADER.size)
        return False
