"""What PrivateZone accepts in a zone and a record, and which records exclude one another.

Called by the operations before anything is written. Pure: rows in, ApiFailure out. Source: the documentation of
pvtz 2018-01-01 and of PrivateZone's record types, quotas, weights and remarks; numbers are rows of `limits.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from clusterdns.limit import Limit
from clusterdns.limits import (
    LABEL_BYTES,
    NAME_BYTES,
    PRIVATEZONE_PRIORITY,
    PRIVATEZONE_REMARK_CHARACTERS,
    PRIVATEZONE_TXT_CHARACTERS,
    PRIVATEZONE_WEIGHT,
    PRIVATEZONE_WEIGHTED_ROWS,
    PRIVATEZONE_ZONE_RECORDS,
    PRIVATEZONE_ZONE_VPCS,
    PRIVATEZONE_ZONES,
)
from externaldns.providers.privatezone.emulator.failure import (
    PARAMETER_INVALID,
    QUOTA_RECORDS,
    QUOTA_VPCS,
    QUOTA_ZONES,
    RECORD_CONFLICT,
    RECORD_LINE,
    RECORD_REMARK,
    RECORD_RR,
    RECORD_TTL,
    RECORD_TYPE,
    RECORD_VALUE,
    RECORD_WEIGHT,
    VPC_UNKNOWN,
    ZONE_NAME_INVALID,
    ZONE_NOT_FAST,
    ZONE_REMARK,
    ApiFailure,
    FailureRow,
)
from externaldns.providers.privatezone.emulator.rows import APEX, DEFAULT_LINE, BoundVpc, DnsGroup, Record, Zone

TYPES = ("A", "AAAA", "CNAME", "TXT", "MX", "PTR", "SRV")
TTLS = (5, 30, 60, 3600, 43200, 86400)
DEFAULT_TTL = 60
WEIGHTED_TYPES = ("A", "AAAA", "CNAME")
LBA_TYPES = ("A", "AAAA")

# The public DNS's rule, in force here too: a CNAME stands alone, but the apex may hold CNAME, MX and TXT together.
APEX_CNAME_NEIGHBOURS = ("CNAME", "MX", "TXT")

_LABEL = re.compile(r"[A-Za-z0-9_-]+\Z")
# The documentation's charset has no comma, yet ExternalDNS has always written its heritage record with commas, and
# its users' zones hold them: so a comma is accepted.
_TXT = re.compile(r'[A-Za-z0-9 \-_~=:;/.@+^!",]+\Z')
# "50 characters long ... only numbers, Chinese, English and `_ - , .`" and the full-width comma and stop, spelt as
# escapes here because they look like their ASCII cousins.
_REMARK = re.compile("[A-Za-z0-9\u3400-\u4dbf\u4e00-\u9fff_\\-,.\uff0c\u3002]*\\Z")
_LINE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_VPC_ID = re.compile(r"vpc-[A-Za-z0-9_-]{1,60}\Z")


def check_zone_name(name: str) -> str:
    """Return the name as it is kept: lower case, no trailing dot."""
    canonical = name.lower().removesuffix(".")
    if reason := _name_fault(canonical):
        raise ApiFailure(ZONE_NAME_INVALID, reason=reason)
    return canonical


def check_zone_quota(zones: int) -> None:
    """`zones` is how many there are before one more."""
    _check_room(zones, PRIVATEZONE_ZONES, QUOTA_ZONES)


def check_record_quota(records: int) -> None:
    """`records` is how many the zone has before one more."""
    _check_room(records, PRIVATEZONE_ZONE_RECORDS, QUOTA_RECORDS)


def check_vpcs(vpcs: Sequence[BoundVpc]) -> None:
    """Check the whole set that a zone is to be bound to. Any well-formed VPC ID is taken to exist."""
    if len(vpcs) > PRIVATEZONE_ZONE_VPCS.maximum:
        raise ApiFailure(QUOTA_VPCS, limit=PRIVATEZONE_ZONE_VPCS.maximum)
    for vpc in vpcs:
        if not _VPC_ID.match(vpc.vpc_id):
            raise ApiFailure(VPC_UNKNOWN, vpc=vpc.vpc_id)


def check_zone_remark(remark: str) -> None:
    """Raise ApiFailure unless the remark is at most 50 of the characters allowed."""
    _check_remark(remark, ZONE_REMARK)


def check_record_remark(remark: str) -> None:
    """Raise ApiFailure unless the remark is at most 50 of the characters allowed."""
    _check_remark(remark, RECORD_REMARK)


def check_record(record: Record, zone: Zone) -> None:
    """Check all that can be said of one record without its neighbours."""
    _check_type(record.type, zone)
    _check_rr(record.rr, zone.zone_name)
    _check_value(record.type, record.value)
    if record.ttl not in TTLS:
        raise ApiFailure(RECORD_TTL, allowed=", ".join(map(str, TTLS)))
    if record.priority is not None and not _within(record.priority, PRIVATEZONE_PRIORITY):
        raise ApiFailure(PARAMETER_INVALID, name="Priority", reason="an MX record's priority is from 1 to 99")
    check_weight(record.weight, record.type, zone.dns_group)
    if not _LINE.match(record.line):
        raise ApiFailure(RECORD_LINE, reason="it is 1 to 64 letters, digits, '_', '.' and '-'")
    if record.line != DEFAULT_LINE and zone.dns_group != "FAST_ZONE":
        raise ApiFailure(ZONE_NOT_FAST, what="A line other than default")
    check_record_remark(record.remark)


def check_weight(weight: int, record_type: str, dns_group: DnsGroup) -> None:
    """Weights are for A, AAAA and CNAME in a FAST_ZONE; every other record has the weight 1."""
    if weight == PRIVATEZONE_WEIGHT.default:
        return
    if not _within(weight, PRIVATEZONE_WEIGHT):
        raise ApiFailure(RECORD_WEIGHT, reason="it is from 1 to 100, or 0 in an update")
    if record_type not in WEIGHTED_TYPES:
        raise ApiFailure(RECORD_WEIGHT, reason=f"only {', '.join(WEIGHTED_TYPES)} have weights")
    if dns_group != "FAST_ZONE":
        raise ApiFailure(ZONE_NOT_FAST, what="A weight")


def check_neighbours(record: Record, neighbours: Iterable[Record]) -> None:
    """Check a record against all others of its name (those with its own ID are skipped).

    Raises RECORD_CONFLICT for a second row of the same type, value and line, and for a CNAME beside other types.
    """
    others = [other for other in neighbours if other.record_id != record.record_id]
    value = canonical_value(record.type, record.value)
    for other in others:
        same_set = other.type == record.type and other.line == record.line
        if same_set and canonical_value(other.type, other.value) == value:
            raise ApiFailure(RECORD_CONFLICT, reason="the same record exists already")
        if other.type != record.type and "CNAME" in (other.type, record.type) and not _may_share_apex(record, other):
            raise ApiFailure(RECORD_CONFLICT, reason=f"{record.type} and {other.type} exclude each other")
    in_set = sum(other.type == record.type and other.line == record.line for other in others)
    if record.weight != PRIVATEZONE_WEIGHT.default and in_set >= PRIVATEZONE_WEIGHTED_ROWS.maximum:
        raise ApiFailure(RECORD_WEIGHT, reason=f"a weighted set has at most {PRIVATEZONE_WEIGHTED_ROWS.maximum} rows")


def canonical_value(record_type: str, value: str) -> str:
    """Return the value in the form in which two spellings of the same data are equal."""
    if record_type == "A":
        return str(IPv4Address(value))
    if record_type == "AAAA":
        return str(IPv6Address(value))
    if record_type == "TXT":
        return value
    return " ".join(value.lower().removesuffix(".").split())


def _check_room(existing: int, limit: Limit, failure: FailureRow) -> None:
    if existing >= limit.maximum:
        raise ApiFailure(failure, limit=limit.maximum)


def _within(number: int, limit: Limit) -> bool:
    return limit.minimum <= number <= limit.maximum


def _may_share_apex(one: Record, other: Record) -> bool:
    return one.rr == APEX and one.type in APEX_CNAME_NEIGHBOURS and other.type in APEX_CNAME_NEIGHBOURS


def _check_type(record_type: str, zone: Zone) -> None:
    if record_type not in TYPES:
        raise ApiFailure(RECORD_TYPE, reason=f"it must be one of {', '.join(TYPES)}")
    if record_type == "PTR" and not zone.is_reverse:
        raise ApiFailure(RECORD_TYPE, reason="PTR needs a zone under in-addr.arpa or ip6.arpa")


def _check_rr(rr: str, zone_name: str) -> None:
    if rr == APEX:
        return
    # A wildcard is a whole label and the leftmost one (RFC 4592 section 2.1.1).
    for label in rr.removeprefix("*.").split(".") if rr != "*" else []:
        if not _LABEL.match(label):
            raise ApiFailure(RECORD_RR, reason="'@', or labels of letters, digits, '_' and '-', the first may be '*'")
    if reason := _length_fault(f"{rr}.{zone_name}"):
        raise ApiFailure(RECORD_RR, reason=reason)


def _check_value(record_type: str, value: str) -> None:
    if reason := _value_fault(record_type, value):
        raise ApiFailure(RECORD_VALUE, reason=reason)


def _value_fault(record_type: str, value: str) -> str:
    """Say what is wrong with a value, in words that follow "is not valid:"; empty when nothing is."""
    match record_type:
        case "A":
            return _address_fault(IPv4Address, value)
        case "AAAA":
            return _address_fault(IPv6Address, value)
        case "TXT":
            if len(value) > PRIVATEZONE_TXT_CHARACTERS.maximum:
                return f"a text has at most {PRIVATEZONE_TXT_CHARACTERS.maximum} characters"
            return "" if _TXT.match(value) else 'a text has letters, digits, spaces and - _ ~ = : ; / . @ + ^ ! " ,'
        case "SRV":
            fields = value.split(" ")
            numbers_good = all(field.isascii() and field.isdigit() and int(field) <= 65535 for field in fields[:3])
            if len(fields) != 4 or not numbers_good:
                return "it is 'priority weight port target', the numbers up to 65535"
            return _name_fault(fields[3].removesuffix("."))
        case _:
            return _name_fault(value.removesuffix("."))


def _address_fault(family: type[IPv4Address] | type[IPv6Address], value: str) -> str:
    try:
        address = family(value)
    except AddressValueError:
        return f"it is not an {family.__name__.removesuffix('Address')} address"
    # IPv6Address also reads fe80::1%eth0, which no DNS record can hold.
    return "an address has no scope" if getattr(address, "scope_id", None) else ""


def _name_fault(name: str) -> str:
    if not all(_LABEL.match(label) for label in name.split(".")):
        return "a domain name has labels of letters, digits, '-' and '_'"
    return _length_fault(name)


def _length_fault(name: str) -> str:
    if any(len(label) > LABEL_BYTES.maximum for label in name.split(".")):
        return f"a label has at most {LABEL_BYTES.maximum} characters"
    # On the wire every label has a length byte, and the root ends the name (RFC 1035 section 3.1).
    if len(name) + 2 > NAME_BYTES.maximum:
        return f"a name has at most {NAME_BYTES.maximum} bytes on the wire"
    return ""


def _check_remark(remark: str, failure: FailureRow) -> None:
    if len(remark) > PRIVATEZONE_REMARK_CHARACTERS.maximum:
        raise ApiFailure(failure, reason=f"is longer than {PRIVATEZONE_REMARK_CHARACTERS.maximum} characters")
    if not _REMARK.match(remark):
        raise ApiFailure(failure, reason="may have digits, Chinese and English letters and _ - , . \uff0c \u3002 only")
