"""The command line of privatezone-emulator: text in, checked values out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NoReturn

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_QPS
from externaldns.providers.privatezone.emulator.api import Family
from externaldns.providers.privatezone.emulator.failure import ApiFailure
from externaldns.providers.privatezone.emulator.faults import KINDS, Faults, parse_fault, parse_latency
from externaldns.providers.privatezone.emulator.rows import BoundVpc
from externaldns.providers.privatezone.emulator.rules import check_vpcs, check_zone_name
from externaldns.providers.privatezone.emulator.signature import AccessKey

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the operator asked for. A rate of None is no limit; `codes` maps our error codes to others."""

    api_listen: Address
    dns_listen: Address
    database: str
    zones: tuple[str, ...]
    vpc: BoundVpc
    key: AccessKey
    quotas: Mapping[Family, float | None]
    codes: Mapping[str, str]
    faults: Faults
    resolvers: Mapping[str, Address]
    """Where the DNS of other VPCs listens."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise ConfigError, where argparse would print its usage and exit."""
        raise ConfigError(message)


def parse_flags(argv: Sequence[str] | None) -> Flags:
    """Read the command line (None: the process's own); raises ConfigError naming the flag at fault."""
    given = _parser().parse_args(argv)
    vpc = BoundVpc(vpc_id=given.vpc, region_id=given.region, vpc_type="STANDARD")
    try:
        zones = tuple(check_zone_name(name) for name in given.zone)
        check_vpcs([vpc])
    except ApiFailure as refused:
        raise ConfigError(refused.message, source="--zone or --vpc") from refused
    if not given.access_key_id or not given.access_key_secret:
        raise ConfigError("neither may be empty", source="--access-key-id and --access-key-secret")
    return Flags(
        api_listen=_address("--api-listen", given.api_listen),
        dns_listen=_address("--dns-listen", given.dns_listen),
        database=given.database,
        zones=zones,
        vpc=vpc,
        key=AccessKey(given.access_key_id, given.access_key_secret, given.security_token),
        quotas={
            "read": _rate("--read-qps", given.read_qps),
            "write": _rate("--write-qps", given.write_qps),
            "zone": _rate("--zone-qps", given.zone_qps),
        },
        codes=dict(_code(pair) for pair in given.error_code),
        faults=Faults(
            tuple(parse_fault(text) for text in given.fault), tuple(parse_latency(text) for text in given.latency)
        ),
        resolvers=dict(_resolver(text) for text in given.vpc_dns),
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="privatezone-emulator",
        description="Alibaba Cloud PrivateZone on this machine: its API, and DNS for the zones of one VPC.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--api-listen", default="127.0.0.1:0", metavar="IP:PORT", help="address of the API (HTTP); port 0: any free one"
    )
    add("--dns-listen", default="127.0.0.1:0", metavar="IP:PORT", help="address of the DNS (UDP and TCP)")
    add("--database", required=True, metavar="FILE", help="SQLite file that keeps everything; made if it is not there")
    add("--zone", action="append", default=[], metavar="NAME", help="zone that the VPC sees from the start; repeatable")
    add("--vpc", default="vpc-demo", metavar="ID", help="VPC whose zones the DNS answers (default: %(default)s)")
    add("--region", default="cn-hangzhou", metavar="ID", help="region of that VPC (default: %(default)s)")
    add("--access-key-id", required=True, metavar="ID", help="the only access key that may call the API")
    add("--access-key-secret", required=True, metavar="SECRET", help="its secret")
    add("--read-qps", type=float, metavar="N", help="calls a second before Throttling.User, for Describe and Check")
    add("--write-qps", type=float, metavar="N", help="the same for operations that change records")
    add("--zone-qps", type=float, metavar="N", help="the same for operations that change zones (default: no limits)")
    add("--security-token", default="", metavar="TOKEN", help="the token that must come with the key, as with STS")
    add("--vpc-dns", action="append", default=[], metavar="VPC=IP:PORT", help="DNS of another VPC, too; repeatable")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="TARGET=KIND[:SHARE]",
        help=f"let calls fail: {', '.join(KINDS)}; a target is an action, reads, writes or any; repeatable",
    )
    add("--latency", action="append", default=[], metavar="TARGET=SECONDS", help="let calls take that long; repeatable")
    add(
        "--error-code", action="append", default=[], metavar="OURS=THEIRS", help="answer another error code; repeatable"
    )
    return parser


def _address(flag: str, text: str) -> Address:
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        ip = ip_address(host[1:-1] if bracketed else host)
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        ip, number = None, -1
    if ip is None or bracketed != (ip.version == 6) or not 0 <= number <= 65535:
        raise ConfigError(f"{text!r} must be IP:PORT, as in 127.0.0.1:8053 or [::1]:8053", source=flag)
    return str(ip), number


def _resolver(text: str) -> tuple[str, Address]:
    vpc, equals, address = text.partition("=")
    if not (vpc and equals):
        raise ConfigError(f"{text!r} must be VPC=IP:PORT, as in vpc-2=127.0.0.1:0", source="--vpc-dns")
    return vpc, _address("--vpc-dns", address)


def _rate(flag: str, rate: float | None) -> float | None:
    return None if rate is None else PRIVATEZONE_QPS.check(rate, where=flag)


def _code(pair: str) -> tuple[str, str]:
    ours, equals, theirs = pair.partition("=")
    if not (ours and equals and theirs):
        raise ConfigError(f"{pair!r} must be OURS=THEIRS, as in Record.NotExists=Record.Gone", source="--error-code")
    return ours, theirs
