"""An IP address in the spellings that DNS names have for it, and back.

    10.244.2.20   10-244-2-20.shop.pod.<zone>       20.2.244.10.in-addr.arpa
    fd00:10::1    fd00-10--1.shop.pod.<zone>        1.0.0.0 ... 0.1.0.0.0.0.d.f.ip6.arpa

Pure. The stores hold canonical text, so text is what indexes are keyed by; packed bytes are rdata.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from clusterdns.kube.addresses import pack

_DASHED = re.compile(rb"[0-9a-f-]+")
_OCTET = re.compile(rb"0|[1-9][0-9]{0,2}")
_NIBBLE = re.compile(rb"[0-9a-f]")


def dashed(address: str) -> str:
    """The label of an endpoint that has no other name, as CoreDNS makes it: a label must not end in a dash."""
    label = address.replace(".", "-").replace(":", "-")
    return f"{label}0" if label.endswith("-") else label


def from_dashed(label: bytes) -> str | None:
    """The canonical address that the folded label of a pod means, or None.

    As in CoreDNS, three dashes, none doubled, stand for the dots of an IPv4 address, any others for IPv6's colons.
    """
    if not _DASHED.fullmatch(label):
        return None
    text = label.decode("ascii")
    try:
        if text.count("-") == 3 and "--" not in text:
            return str(IPv4Address(text.replace("-", ".")))
        return str(IPv6Address(text.replace("-", ":")))
    except AddressValueError:
        return None


def from_reverse(labels: Sequence[bytes]) -> str | None:
    """The canonical address of a whole reverse name, given its folded labels; None for any other name.

    RFC 1035 section 3.5 (four octets, last one first) and RFC 3596 section 2.5 (32 nibbles, last one first).
    """
    if labels[-2:] == [b"in-addr", b"arpa"]:
        text = b".".join(labels[-3::-1]).decode("latin-1")
        # Neither a zero in front nor a dot within a label passes.
        return text if len(labels) == 6 and pack(text) is not None else None
    if labels[-2:] == [b"ip6", b"arpa"]:
        digits = b"".join(labels[-3::-1])
        if len(labels) == 34 and len(digits) == 32:
            try:
                return str(IPv6Address(unhexlify(digits)))
            except ValueError:
                return None
    return None


def is_reverse_stem(labels: Sequence[bytes]) -> bool:
    """True for the folded labels of a name above whole reverse names, such as `1.96.10.in-addr.arpa`."""
    stem = labels[:-2]
    if labels[-2:] == [b"in-addr", b"arpa"]:
        return len(stem) < 4 and all(_OCTET.fullmatch(octet) and int(octet) < 256 for octet in stem)
    if labels[-2:] == [b"ip6", b"arpa"]:
        return len(stem) < 32 and all(_NIBBLE.fullmatch(nibble) for nibble in stem)
    return False
