"""The DNS numbers that the suite decides by (IANA "Domain Name System Parameters"), as plain integers.

Plain integers because the packet path compares them; names for people (logs, metrics) come from dnslib's tables.
"""

from __future__ import annotations

from typing import Final

import dnslib

# Header flags, RFC 1035 section 4.1.1 and RFC 4035 section 3:
#   0  1  2  3  4  5  6  7  8  9  10 11 12 13 14 15
#   QR [  opcode  ] AA TC RD RA Z  AD CD [  rcode  ]
QR: Final = 0x8000
OPCODE: Final = 0x7800
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
AD: Final = 0x0020
CD: Final = 0x0010
RCODE: Final = 0x000F

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
PTR: Final = 12
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
DNAME: Final = 39
OPT: Final = 41
TSIG: Final = 250
IXFR: Final = 251
AXFR: Final = 252
ANY: Final = 255

IN: Final = 1

NOTIFY: Final = 0x2000
"""The opcode of RFC 1996, where it stands among the flags."""

ROOT: Final = b"\0"
"""The root name, in wire form."""


def type_name(number: int) -> str:
    """`A`, `AAAA`, …, or `TYPE65280` (RFC 3597 section 5) for a type without a name."""
    return str(dnslib.QTYPE.forward.get(number, f"TYPE{number}"))


def rcode_name(number: int) -> str:
    """`NOERROR`, `NXDOMAIN`, …, as CoreDNS spells them in logs and metrics, or `RCODE23`."""
    return str(dnslib.RCODE.forward.get(number, f"RCODE{number}"))
