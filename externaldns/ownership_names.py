"""Where the ownership record of a DNS record lives: the names of ExternalDNS's TXT registry (`--registry=txt`).

    foo.example.org A         ->  a-foo.example.org
    *.example.org A           ->  a-_wildcard.example.org, or a-any.example.org with --txt-wildcard-replacement=any
    foo.example.org A         ->  x.a-foo.example.org with --txt-prefix=x.
    foo.example.org A         ->  x-a.foo.example.org with --txt-prefix=x-%{record_type}.
    foo.example.org A         ->  a-foo-x.example.org with --txt-suffix=-x
    example.org A (the apex)  ->  a-_apex.example.org

ExternalDNS would put the apex's record at `a-example.org`, which is in nobody's zone, and a wildcard's at
`a-*.example.org`, which PrivateZone refuses (an asterisk is a whole label, RFC 4592 section 2.1.1); so neither is ever
owned. Here they are named as though they were the hosts `_apex` and `_wildcard`, which no real host is called.
No I/O, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.errors import ConfigError
from externaldns.domain_filter import ROOT
from externaldns.record import RECORD_TYPES, normalize_name

TYPE_PLACEHOLDER = "%{record_type}"
_APEX_LABEL = "_apex"
_WILDCARD_LABEL = "_wildcard"


@dataclass(frozen=True, slots=True)
class OwnershipNames:
    """The naming rules that the flags --txt-prefix, --txt-suffix and --txt-wildcard-replacement set."""

    prefix: str = ""
    suffix: str = ""
    wildcard_replacement: str = ""

    def __post_init__(self) -> None:
        if self.prefix and self.suffix:
            raise ConfigError("--txt-prefix and --txt-suffix exclude each other: give one of them")

    def name(self, dns_name: str, record_type: str, zone: str) -> str:
        """Return the ownership name of the record `dns_name` in `zone`; `zone` "" means that it is not known."""
        wildcard = self.wildcard_replacement or _WILDCARD_LABEL
        name = self._map(dns_name, record_type, wildcard)
        if _within(name, zone):
            return name
        return self._map(f"{_APEX_LABEL}.{dns_name}", record_type, wildcard)

    def readable(self, dns_name: str, record_type: str, zone: str) -> tuple[str, ...]:
        """Return every name at which an ownership record of `dns_name` may be found, the right one first.

        The others are what ExternalDNS wrote: an apex's outside the zone, and, until v0.18, names without a type.
        """
        wildcard = self.wildcard_replacement or "*"
        names = [self.name(dns_name, record_type, zone), self._map(dns_name, record_type, wildcard)]
        # ExternalDNS never had AAAA records under a name without a type.
        if record_type != "AAAA":
            names.append(self._map(dns_name, "", wildcard))
        return tuple(dict.fromkeys(names))

    def record_type(self, ownership_name: str) -> str:
        """Return the type of the record that `ownership_name` is about; "" if the name does not say it."""
        # The longest first: with a prefix such as `x%{record_type}`, `xaaaa-web` is of AAAA, not of A.
        for record_type in sorted(RECORD_TYPES, key=len, reverse=True):
            prefix, suffix = self._affix(self.prefix, record_type), self._affix(self.suffix, record_type)
            labels = ownership_name.lower().split(".")
            head = ".".join(labels[: 1 + prefix.count(".") + suffix.count(".")])
            if not (head.startswith(prefix) and head.endswith(suffix)):
                continue
            if self._type_in_affix or head.removeprefix(prefix).startswith(f"{record_type.lower()}-"):
                return record_type
        return ""

    @property
    def _type_in_affix(self) -> bool:
        return TYPE_PLACEHOLDER in self.prefix or TYPE_PLACEHOLDER in self.suffix

    def _affix(self, affix: str, record_type: str) -> str:
        if not record_type:
            # ExternalDNS, too, drops the hyphen that sets the type off from the rest.
            for piece in (f"-{TYPE_PLACEHOLDER}", f"{TYPE_PLACEHOLDER}-", TYPE_PLACEHOLDER):
                affix = affix.replace(piece, "")
        return affix.replace(TYPE_PLACEHOLDER, record_type.lower()).lower()

    def _map(self, dns_name: str, record_type: str, wildcard: str) -> str:
        first, _, rest = dns_name.partition(".")
        if first == "*":
            first = wildcard
        if record_type and not self._type_in_affix:
            first = f"{record_type.lower()}-{first}"
        first = f"{self._affix(self.prefix, record_type)}{first}{self._affix(self.suffix, record_type)}"
        return normalize_name(f"{first}.{rest}" if rest else first)


def _within(name: str, zone: str) -> bool:
    return zone in ("", ROOT) or name == zone or name.endswith(f".{zone}")
