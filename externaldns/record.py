"""A DNS record set as externaldns thinks of it: the value that sources make, plans compare and providers store.

It has the fields of ExternalDNS's `Endpoint` (and of its webhook protocol's JSON), so that a record means the same
here and there. Names are ASCII and without the trailing dot; `normalize_name` is the one place that makes them so.
No I/O, no clock.
"""

from __future__ import annotations

import encodings.idna
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from clusterdns.kube.addresses import pack, spell
from clusterdns.limits import LABEL_BYTES, NAME_BYTES

OWNER_LABEL = "owner"
"""Label: the --txt-owner-id of the controller that the record belongs to."""

RESOURCE_LABEL = "resource"
"""Label: the object that asked for the record, such as `service/shop/web`."""

SHARED_LABEL = "shared"
"""Label of wanted records, `true`: their targets may stand beside other owners' under the same name."""

LOST_LABEL = "lost"
"""Label of current records, `true`: ours by what this process has seen, though the zone does not say so any more."""

PTR_LABEL = "ptr"
"""Label of wanted records, `true`: their addresses are to point back at them; `false`: they are not, in any case."""

CHOSEN_LABEL = "chosen"
"""Label of what sources make, `true`: its targets are those of an annotation `target`, and stand above all others."""

UNRESOLVED_LABEL = "unresolved"
"""Label of what sources make, `true`: its targets are hosts whose addresses it is to have, and they are not known."""

UNASKED_LABEL = "unasked"
"""Label of what stands for all that an object asks for, where that can't be told: why."""

RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SRV", "TXT")
"""Record types that can be managed; ExternalDNS's list."""

_ADDRESS_VERSIONS = {"A": 4, "AAAA": 6}

_NUMBERS_BEFORE_NAME = {"CNAME": 0, "NS": 0, "PTR": 0, "MX": 1, "SRV": 3}
"""How many numbers stand before the name in the targets of the types that point at one."""

RecordKey = tuple[str, str, str]
"""(name, record type, set identifier)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One record set: `dns_name` has `targets` of `record_type`.

    `ttl` is in seconds; None leaves the choice to the provider. `labels` say whose the record is and why it is
    there; `provider_specific` carries what only one provider understands (a weight, a line). `remarks` is the note
    that the provider keeps with each target (PrivateZone's Remark); a target without one is left with what it has.
    `row_ids` is what the provider that holds the record calls each target, for as long as that exists.
    """

    dns_name: str
    targets: tuple[str, ...]
    record_type: str
    set_identifier: str = ""
    ttl: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    provider_specific: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    row_ids: Mapping[str, int] = field(default_factory=dict, compare=False)
    parts: Mapping[str, Endpoint] = field(default_factory=dict, compare=False)
    """Where targets have TTLs or properties of their own: by target, the record that it would be alone."""

    @property
    def key(self) -> RecordKey:
        return (self.dns_name, self.record_type, self.set_identifier)

    @property
    def owner(self) -> str:
        return self.labels.get(OWNER_LABEL, "")

    @property
    def resource(self) -> str:
        return self.labels.get(RESOURCE_LABEL, "")

    def only(self, targets: Collection[str]) -> Endpoint:
        """Return the record with those of its targets alone."""
        kept = tuple(target for target in self.targets if target in targets)
        parts = {target: part for target, part in self.parts.items() if target in targets}
        ttls = {part.ttl for part in parts.values()}
        return replace(
            self,
            targets=kept,
            ttl=ttls.pop() if len(ttls) == 1 else self.ttl,
            provider_specific=join_properties(parts) if parts else self.provider_specific,
            remarks={target: text for target, text in self.remarks.items() if target in targets},
            row_ids={target: row_id for target, row_id in self.row_ids.items() if target in targets},
            parts=parts,
        )

    def with_label(self, name: str, value: str) -> Endpoint:
        return replace(self, labels={**self.labels, name: value})


def join_properties(parts: Mapping[str, Endpoint]) -> dict[str, str]:
    """Return the properties of a record set of `parts`, which are by target: what not all of them have alike is
    `TARGET=VALUE`, with commas between.
    """
    joined: dict[str, str] = {}
    for name in sorted({name for part in parts.values() for name in part.provider_specific}):
        values = {target: part.provider_specific.get(name) for target, part in sorted(parts.items())}
        [first, *others] = dict.fromkeys(values.values())
        differing = ",".join(f"{target}={value}" for target, value in values.items() if value is not None)
        joined[name] = differing if others or first is None else first
    return joined


def normalize_name(name: str) -> str:
    """Return `name` in lower-case ASCII without spaces around it and without the trailing dot; `` stays ``.

    A label outside ASCII becomes its A-label (RFC 3490 ToASCII, which is what ExternalDNS's "transitional" mapping
    gives). A label that has none is kept in lower case, for validation to name it.
    """
    name = name.strip().removesuffix(".")
    if name.isascii():
        return name.lower()
    return ".".join(_to_ascii(label) for label in name.split("."))


def _to_ascii(label: str) -> str:
    try:
        return encodings.idna.ToASCII(label).decode("ascii").lower()
    except UnicodeError:
        return label.lower()


def normalize_target(target: str) -> str:
    """Return `target` in the one form in which two equal targets are equal text: canonical IP, or lower-case name."""
    return spell(target) or target.lower().removesuffix(".")


def same_targets(left: Iterable[str], right: Iterable[str]) -> bool:
    """Tell whether both record sets hold the same values, whatever their order, case or spelling of addresses."""
    return sorted(map(normalize_target, left)) == sorted(map(normalize_target, right))


def suitable_type(target: str) -> str:
    """Return the type of a record that points at `target`: A, AAAA, or CNAME for anything that is no address."""
    packed = pack(target)
    return "CNAME" if packed is None else "A" if len(packed) == 4 else "AAAA"


def find_fault(endpoint: Endpoint) -> str | None:
    """Return why `endpoint` can't be a DNS record, as a sentence for the log; None if it can."""
    return endpoint.labels.get(UNASKED_LABEL) or find_name_fault(endpoint.dns_name) or _find_target_fault(endpoint)


def find_name_fault(name: str) -> str | None:
    """Return why `name` can't be the name of a record; None if it can."""
    # RFC 1035 section 2.3.4: labels 63 octets or less, names 255 or less: 253 in text.
    if not name or len(name) > NAME_BYTES.maximum - 2:
        return f"the name has {len(name)} characters; 1 to {NAME_BYTES.maximum - 2:g} are allowed"
    for label in name.split("."):
        if not label or len(label) > LABEL_BYTES.maximum:
            return f"label {label!r} has {len(label)} characters; 1 to {LABEL_BYTES.maximum:g} are allowed"
    if not name.isascii() or not all(32 < ord(char) < 127 for char in name):
        return "the name has characters that no DNS name can have"
    return None


def _find_target_fault(endpoint: Endpoint) -> str | None:
    if not endpoint.targets or "" in endpoint.targets:
        return "a target is empty"
    if endpoint.record_type not in RECORD_TYPES:
        return f"{endpoint.record_type!r} is no record type that is known here"
    if UNRESOLVED_LABEL in endpoint.labels:
        return f"the addresses of {', '.join(endpoint.targets)} are not known"
    version = _ADDRESS_VERSIONS.get(endpoint.record_type)
    for target in endpoint.targets:
        if version is not None and suitable_type(target) != endpoint.record_type:
            return f"{target!r} is no IPv{version} address"
        if (numbers := _NUMBERS_BEFORE_NAME.get(endpoint.record_type)) is not None and (
            fault := _find_pointer_fault(target, numbers)
        ):
            return f"{target!r}: {fault}"
    if endpoint.record_type == "CNAME" and normalize_target(endpoint.targets[0]) == endpoint.dns_name:
        return "the CNAME points at itself"
    return None


def _find_pointer_fault(target: str, numbers: int) -> str | None:
    """Return why `target` can't be the value of a type that has `numbers` numbers, and then a name."""
    *before, name = target.split(" ")
    if len(before) != numbers or not all(word.isdecimal() and int(word) < 2**16 for word in before):
        return f"{numbers} numbers below 65536 and a name are needed" if numbers else "a name has no spaces"
    # RFC 2782: "A Target of "." means that the service is decidedly not available"; RFC 7505: the same of MX.
    if numbers and name == ".":
        return None
    # RFC 1123 section 2.1: "a valid host name can never have the dotted-decimal form #.#.#.#, since at least the
    # highest-level component label will be alphabetic."
    if ":" in name or name.removesuffix(".").rpartition(".")[2].isdecimal():
        return "neither an address nor a name"
    return find_name_fault(normalize_name(name))
