"""Rows to record sets and back: what PrivateZone keeps per value, as the plan sees it per name and type. Pure.

    web A 1.1.1.1 TTL 60                               web A 1.1.1.1
    web A 2.2.2.2 TTL 60                               one set of both
    web A 1.1.1.1 weight 90, web A 2.2.2.2 weight 10   one set; alibabacloud/weight is `1.1.1.1=90,2.2.2.2=10`
    web A 3.3.3.3 line aliyun_r_cn-beijing-a           a set of its own, whose set identifier is the line
    @ MX mail priority 10                              ex.com MX `10 mail`
    a disabled row                                     in its set, with alibabacloud/status DISABLE: never wanted

PrivateZone has no set identifiers. Objects that share a name by theirs become one set (`adjust`), each value with the
weight that its object gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from clusterdns.kube.addresses import spell
from clusterdns.limits import PRIVATEZONE_PRIORITY, PRIVATEZONE_WEIGHT
from externaldns import ownership_value
from externaldns.providers.privatezone.api import DEFAULT_LINE, DEFAULT_WEIGHT, ENABLED, Row
from externaldns.providers.privatezone.ttl import allowed_ttl
from externaldns.record import Endpoint, join_properties

WEIGHT = "alibabacloud/weight"
LINE = "alibabacloud/line"
REMARK = "alibabacloud/remark"
STATUS = "alibabacloud/status"


WEIGHTED_TYPES = ("A", "AAAA", "CNAME")

# A TTL that no record is ever wanted to have: a set whose rows disagree always differs, and gets one TTL for all.
_DISAGREEING_ROWS_TTL = 0


def canonical_target(record_type: str, target: str) -> str:
    """Return `target` in the one form in which two spellings of the same data are equal text."""
    if record_type in ("A", "AAAA"):
        return spell(target) or target
    if record_type == "TXT":
        # PrivateZone gives texts back with or without the quotes that they were written with.
        labels = ownership_value.read(target)
        return target.strip().strip('"') if labels is None else ownership_value.write(labels)
    text = " ".join(target.lower().removesuffix(".").split())
    if record_type == "MX" and " " not in text:
        return f"{PRIVATEZONE_PRIORITY.default_int} {text}"
    return text


def target_of(row: Row) -> str:
    """Return the target that `row` holds, as sources write it."""
    if row.type == "TXT":
        return row.value
    if row.type == "MX":
        priority = PRIVATEZONE_PRIORITY.default_int if row.priority is None else row.priority
        return canonical_target(row.type, f"{priority} {row.value}")
    return canonical_target(row.type, row.value)


def canonical_row(row: Row) -> str:
    """Return the canonical target of `row`."""
    return canonical_target(row.type, target_of(row))


def value_of(record_type: str, target: str) -> tuple[str, int | None]:
    """Return the value and the priority (MX only) that a row with `target` has."""
    if record_type != "MX":
        return target, None
    priority, _, host = canonical_target(record_type, target).partition(" ")
    return (host, int(priority)) if priority.isdecimal() else (target, None)


def line_of(endpoint: Endpoint | None) -> str:
    """Return the line whose clients `endpoint` is for."""
    return (endpoint.provider_specific.get(LINE) if endpoint else None) or DEFAULT_LINE


def weights_of(endpoint: Endpoint) -> dict[str, int]:
    """Return the weight of each canonical target of an adjusted `endpoint`."""
    text = endpoint.provider_specific.get(WEIGHT, "")
    targets = [canonical_target(endpoint.record_type, target) for target in endpoint.targets]
    if "=" not in text:
        return dict.fromkeys(targets, int(text) if text else DEFAULT_WEIGHT)
    weights = dict(pair.rsplit("=", 1) for pair in text.split(","))
    return {target: int(weights.get(target, DEFAULT_WEIGHT)) for target in targets}


def to_endpoints(name: str, rows: Iterable[Row]) -> list[Endpoint]:
    """Return the record sets of all `rows` of one name, in the order of their keys."""
    sets: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.record_id):
        sets.setdefault((row.type, row.line), []).append(row)
    return [_to_endpoint(name, record_type, line, sets[record_type, line]) for record_type, line in sorted(sets)]


def _to_endpoint(name: str, record_type: str, line: str, rows: Sequence[Row]) -> Endpoint:
    targets = {canonical_row(row): target_of(row) for row in rows}
    ttls = {allowed_ttl(row.ttl) for row in rows}
    alike = len(ttls) == 1 and len({(row.weight, row.status) for row in rows}) == 1
    parts = {} if alike else {target_of(row): _to_endpoint(name, record_type, line, [row]) for row in rows}
    return Endpoint(
        name,
        tuple(targets[value] for value in sorted(targets)),
        record_type,
        set_identifier="" if line == DEFAULT_LINE else line,
        ttl=ttls.pop() if len(ttls) == 1 else _DISAGREEING_ROWS_TTL,
        provider_specific=join_properties(parts) if parts else _properties(line, rows[0].weight, rows[0].status),
        remarks={target_of(row): row.remark for row in rows if row.remark},
        row_ids={target_of(row): row.record_id for row in rows},
        parts=parts,
    )


def adjust(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Return wanted `endpoints` as `to_endpoints` would give them back; those that share a name by set identifiers
    become one. Properties that PrivateZone has not, or not with that value, are dropped.
    """
    adjusted: list[Endpoint] = []
    shared: dict[tuple[str, str, str], list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.set_identifier:
            shared.setdefault((endpoint.dns_name, endpoint.record_type, line_of(endpoint)), []).append(endpoint)
        else:
            adjusted.append(_adjust_set([endpoint]))
    return adjusted + [_adjust_set(parts) for parts in shared.values()]


def _adjust_set(parts: Sequence[Endpoint]) -> Endpoint:
    """Make one set of `parts`, which are of one name, type and line; labels are those of the least resource."""
    parts = sorted(parts, key=lambda part: (part.resource, part.set_identifier))
    first, record_type, line = parts[0], parts[0].record_type, line_of(parts[0])
    targets: dict[str, str] = {}
    weights: dict[str, int] = {}
    remarks: dict[str, str] = {}
    for part in parts:
        given = _weights(part)
        for target in part.targets:
            canonical = canonical_target(record_type, target)
            if canonical in targets:
                continue
            targets[canonical] = target if record_type == "TXT" else canonical
            weights[canonical] = given[canonical]
            if remark := part.provider_specific.get(REMARK, part.remarks.get(target, "")):
                remarks[targets[canonical]] = remark
    ttls = [part.ttl for part in parts if part.ttl is not None]
    adjusted = replace(
        first,
        targets=tuple(targets[canonical] for canonical in sorted(targets)),
        set_identifier="" if line == DEFAULT_LINE else line,
        ttl=allowed_ttl(min(ttls, default=None)),
        provider_specific=_properties(line, min(weights.values(), default=DEFAULT_WEIGHT)),
        remarks=remarks,
    )
    if len(set(weights.values())) < 2:
        return adjusted
    alone = {
        targets[canonical]: replace(
            adjusted, targets=(targets[canonical],), provider_specific=_properties(line, weight)
        )
        for canonical, weight in weights.items()
    }
    return replace(adjusted, provider_specific=join_properties(alone), parts=alone)


def _weights(endpoint: Endpoint) -> dict[str, int]:
    """Return the weights that a wanted `endpoint` gives its canonical targets; what is none counts as the default."""
    text = endpoint.provider_specific.get(WEIGHT, "").replace(" ", "")
    numbers = [pair.rpartition("=")[2] for pair in text.split(",")]
    # A new row's weight is 1 to 100; 0 can only be set later.
    valid = all(number.isascii() and number.isdecimal() and len(number) <= 3 for number in numbers) and all(
        1 <= int(number) <= PRIVATEZONE_WEIGHT.maximum for number in numbers
    )
    if not valid or endpoint.record_type not in WEIGHTED_TYPES:
        return weights_of(replace(endpoint, provider_specific={}))
    return weights_of(replace(endpoint, provider_specific={WEIGHT: text}))


def _properties(line: str, weight: int, status: str = ENABLED) -> dict[str, str]:
    """Return the properties of a row: those in which it is not as any other."""
    properties = {WEIGHT: str(weight), LINE: line, STATUS: "DISABLE"}
    plain = {WEIGHT: weight == DEFAULT_WEIGHT, LINE: line == DEFAULT_LINE, STATUS: status == ENABLED}
    return {name: value for name, value in properties.items() if not plain[name]}
