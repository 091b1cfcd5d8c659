"""EDNS (RFC 6891): the OPT record at the end of a message, Client Subnet (RFC 7871), Extended Errors (RFC 8914).

On the way of a query: read once with the question, written once as the answer leaves. Cookies, padding and other
hop-by-hop options are neither cached nor echoed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from clusterdns.errors import MalformedMessage
from clusterdns.limits import UDP_EDNS_BYTES

CLIENT_SUBNET = 8
EXTENDED_ERROR = 15
DNSSEC_OK = 0x8000
# Address families (IANA), and how long their addresses are in bytes. 0 is no family: `dig +subnet=0` sends it, with a
# prefix of no bits, to ask that no address is passed on.
_FAMILY_BYTES = {0: 0, 1: 4, 2: 16}
_FAMILIES = {size: family for family, size in _FAMILY_BYTES.items()}
_OPTION = struct.Struct("!HH")
_OPT = struct.Struct("!BHHIH")
_PAYLOAD_BYTES = UDP_EDNS_BYTES.default_int


@dataclass(frozen=True, slots=True)
class ClientSubnet:
    """The option's fields; `address` is the prefix padded with zeros to 4 or 16 bytes, or empty for family 0.

    `source` and `scope` are prefix lengths in bits: `source` is the sender's, `scope` the answerer's.
    """

    address: bytes
    source: int
    scope: int = 0

    @property
    def is_host(self) -> bool:
        """True if the option names one client: /32 or /128."""
        return 0 < self.source == len(self.address) * 8

    def text(self) -> str:
        """The address as canonical text; empty for family 0."""
        return ip_address(self.address).compressed if self.address else ""

    def encode(self) -> bytes:
        """The option with its code and length; the address is cut to its prefix, in whole bytes (section 6)."""
        family = _FAMILIES[len(self.address)]
        prefix = self.address[: (self.source + 7) // 8]
        return struct.pack("!HHHBB", CLIENT_SUBNET, 4 + len(prefix), family, self.source, self.scope) + prefix

    @classmethod
    def of(cls, address: IPv4Address | IPv6Address, scope: int = 0) -> ClientSubnet:
        """The option that names one client."""
        return cls(address.packed, address.max_prefixlen, scope)


class ExtendedError(NamedTuple):
    """Why an answer is as it is: an INFO-CODE, and words for people (RFC 8914 section 2)."""

    code: int
    text: str = ""

    def encode(self) -> bytes:
        """The option with its code and length."""
        words = self.text.encode("utf-8", "replace")
        return struct.pack("!HHH", EXTENDED_ERROR, 2 + len(words), self.code) + words


STALE_ANSWER = ExtendedError(3)
STALE_NXDOMAIN_ANSWER = ExtendedError(19)


@dataclass(frozen=True, slots=True)
class Edns:
    """A query's OPT record. `payload_bytes` is the largest UDP answer that the sender takes, at least 512."""

    payload_bytes: int
    version: int
    dnssec_ok: bool
    subnet: ClientSubnet | None
    has_options: bool


def read_edns(message: bytes, class_offset: int, data_end: int) -> Edns:
    """Read the OPT record whose CLASS field is at `class_offset` and whose RDATA ends at `data_end`."""
    # "Values lower than 512 MUST be treated as equal to 512" (RFC 6891 section 6.2.3).
    payload = max(512, message[class_offset] << 8 | message[class_offset + 1])
    version = message[class_offset + 3]
    dnssec_ok = bool(message[class_offset + 4] & 0x80)
    subnet = None
    offset = class_offset + 8
    has_options = offset < data_end
    while offset < data_end:
        if offset + 4 > data_end:
            raise MalformedMessage("EDNS option cut short")
        code, length = _OPTION.unpack_from(message, offset)
        offset += 4 + length
        if offset > data_end:
            raise MalformedMessage("EDNS option longer than its record")
        if code == CLIENT_SUBNET:
            if subnet is not None:
                raise MalformedMessage("two EDNS Client Subnet options")
            subnet = read_client_subnet(message[offset - length : offset])
    return Edns(payload, version, dnssec_ok, subnet, has_options)


def read_client_subnet(data: bytes) -> ClientSubnet:
    """Read the option's data. RFC 7871 section 7.1.1: whatever does not fit its own prefix length is FORMERR."""
    if len(data) < 4:
        raise MalformedMessage("EDNS Client Subnet cut short")
    size = _FAMILY_BYTES.get(data[0] << 8 | data[1])
    source, scope, prefix = data[2], data[3], data[4:]
    if size is None or source > size * 8 or scope > size * 8 or len(prefix) != (source + 7) // 8:
        raise MalformedMessage("EDNS Client Subnet with a wrong family or length")
    if source % 8 and prefix[-1] & (0xFF >> source % 8):
        raise MalformedMessage("EDNS Client Subnet with bits set behind its prefix")
    return ClientSubnet(prefix.ljust(size, b"\0"), source, scope)


def encode_opt(
    *,
    rcode: int = 0,
    dnssec_ok: bool = False,
    subnet: ClientSubnet | None = None,
    error: ExtendedError | None = None,
) -> bytes:
    """Our OPT record, version 0, at the end of a message. `rcode` gives its upper 8 bits (RFC 6891 section 6.1.3)."""
    options = subnet.encode() if subnet else b""
    if error is not None:
        options += error.encode()
    flags = (rcode >> 4) << 24 | (DNSSEC_OK if dnssec_ok else 0)
    return _OPT.pack(0, 41, _PAYLOAD_BYTES, flags, len(options)) + options
