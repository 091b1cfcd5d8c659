"""What the DNS of a VPC says to one question: the decision, as a value.

Between `message.py` (bytes) and `vpc_view.py` (rows). Pure. RFC 1034 section 4.3.2 (the algorithm), RFC 2308
(negative answers), RFC 4592 (wildcards and empty non-terminals), RFC 6604 (the code of a chain is its last name's).

Three things are PrivateZone's own. Names outside the VPC's zones are REFUSED: there is no recursion here, so that is
also what an unknown name of a zone with ProxyPattern RECORD gets, where PrivateZone would forward the query. Only the
line `default` answers, because the emulator does not know where a client is. Of several CNAMEs, one answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from clusterdns.limits import CNAME_CHAIN, EMULATOR_NEGATIVE_SECONDS
from externaldns.providers.privatezone.emulator.rows import APEX, DEFAULT_LINE, Record, Zone

# Lower-case labels, the root is (). A byte that isn't ASCII is its Latin-1 character, a dot inside a label is "\.":
# neither can equal a label of a zone.
Labels = tuple[str, ...]
Rcode = Literal["NOERROR", "NXDOMAIN", "REFUSED"]

SERVER = "privatezone.invalid."  # RFC 2606: a name that never resolves, for there is nothing behind it.
SOA_REFRESH, SOA_RETRY, SOA_EXPIRE = 3600, 1200, 3600


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One resource record of an answer. `priority` is None except for MX."""

    owner: Labels
    type: str
    ttl: int
    value: str
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The code and the two sections; whatever is not REFUSED is authoritative."""

    rcode: Rcode
    answer: tuple[AnswerRow, ...] = ()
    authority: tuple[AnswerRow, ...] = ()


class ZoneView(Protocol):
    """The zones that one VPC sees. `rr` is relative to the zone, `@` its apex."""

    def zone_of(self, name: Labels) -> Zone | None:
        """Return the closest zone at or above `name`."""

    def records_at(self, zone: Zone, rr: str) -> Sequence[Record]:
        """Return all records of a name, disabled ones and all lines included."""

    def has_enabled_below(self, zone: Zone, rr: str) -> bool:
        """Whether a name below has an enabled record."""

    def is_weighted(self, zone: Zone, record: Record) -> bool:
        """Whether the set that `record` belongs to answers by weight."""


def answer_question(view: ZoneView, name: Labels, qtype: str, turn: int) -> Answer:
    """Answer `name` `qtype`. `turn` counts the queries: it decides whose turn it is in sets that take turns."""
    chain: list[AnswerRow] = []
    seen: set[Labels] = set()
    while True:
        zone = view.zone_of(name)
        if zone is None:
            # The rest of a chain that leaves the zones is the client's resolver's to follow.
            return Answer("NOERROR", tuple(chain)) if chain else Answer("REFUSED")
        records = _records_of(view, zone, name)
        if records is None:
            if zone.proxy_pattern == "RECORD":
                return Answer("NOERROR", tuple(chain)) if chain else Answer("REFUSED")
            return Answer("NXDOMAIN", tuple(chain), (_soa(zone),))
        rows = _rows(view, zone, records, name, qtype, turn)
        if rows:
            return Answer("NOERROR", (*chain, *rows))
        cname = _pick([record for record in records if record.type == "CNAME"], turn)
        # A CNAME at the apex stands beside MX and TXT, which PrivateZone allows and RFC 1034 does not.
        if cname is None:
            return Answer("NOERROR", tuple(chain), (_soa(zone),))
        chain.append(_row(cname, name))
        seen.add(name)
        name = parse_name(cname.value)
        if name in seen or len(chain) >= CNAME_CHAIN.maximum:
            return Answer("NOERROR", tuple(chain))


def parse_name(text: str) -> Labels:
    """Return the labels of a name that the rules have accepted."""
    return tuple(text.lower().removesuffix(".").split("."))


def _records_of(view: ZoneView, zone: Zone, name: Labels) -> list[Record] | None:
    """Return the records that answer for `name`, its wildcard's if need be; None if the name does not exist."""
    relative = name[: len(name) - len(parse_name(zone.zone_name))]
    if records := _answering(view, zone, _rr(relative)):
        return records
    if not relative or view.has_enabled_below(zone, _rr(relative)):
        return []
    # RFC 4592 section 3.3.1: the closest encloser is the longest existing ancestor, and only its own wildcard counts.
    for cut in range(1, len(relative) + 1):
        encloser = relative[cut:]
        if not encloser or _answering(view, zone, _rr(encloser)) or view.has_enabled_below(zone, _rr(encloser)):
            return _answering(view, zone, _rr(("*", *encloser))) or None
    return None


def _answering(view: ZoneView, zone: Zone, rr: str) -> list[Record]:
    return [record for record in view.records_at(zone, rr) if record.status == "ENABLE" and record.line == DEFAULT_LINE]


def _rr(relative: Labels) -> str:
    return ".".join(relative) or APEX


def _rows(
    view: ZoneView, zone: Zone, records: Sequence[Record], name: Labels, qtype: str, turn: int
) -> tuple[AnswerRow, ...]:
    at_apex = name == parse_name(zone.zone_name)
    rows: list[AnswerRow] = []
    if at_apex and qtype in ("SOA", "ANY"):
        rows.append(_soa(zone))
    if at_apex and qtype in ("NS", "ANY"):
        rows.append(AnswerRow(name, "NS", int(EMULATOR_NEGATIVE_SECONDS.default), SERVER))
    for record_type in dict.fromkeys(record.type for record in records):
        if qtype not in (record_type, "ANY"):
            continue
        in_set = [record for record in records if record.type == record_type]
        if record_type == "CNAME" or view.is_weighted(zone, in_set[0]):
            chosen = _pick(in_set, turn)
            in_set = [chosen] if chosen else []
        else:
            # Round-robin mode: all values, each in turn the first.
            start = turn % len(in_set)
            in_set = in_set[start:] + in_set[:start]
        rows += [_row(record, name) for record in in_set]
    return tuple(rows)


def _pick(records: Sequence[Record], turn: int) -> Record | None:
    """Return the record whose turn it is: each has as many turns in a round as its weight says.

    Weights that are all 0 count as equal: no answer at all would take the name away.
    """
    total = sum(record.weight for record in records)
    if total == 0:
        return records[turn % len(records)] if records else None
    place = turn % total
    for record in records:
        place -= record.weight
        if place < 0:
            return record
    return None


def _row(record: Record, owner: Labels) -> AnswerRow:
    return AnswerRow(owner, record.type, record.ttl, record.value, record.priority)


def _soa(zone: Zone) -> AnswerRow:
    """Return the zone's SOA; its small minimum makes a name vanish soon after its record, and appear as soon."""
    negative = int(EMULATOR_NEGATIVE_SECONDS.default)
    times = f"{zone.serial} {SOA_REFRESH} {SOA_RETRY} {SOA_EXPIRE} {negative}"
    return AnswerRow(parse_name(zone.zone_name), "SOA", negative, f"{SERVER} hostmaster.{SERVER} {times}")
