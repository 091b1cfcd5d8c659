"""ExternalDNS's webhook protocol: its JSON, in and out. Pure.

Source: ExternalDNS v0.22 provider/webhook/api, endpoint/endpoint.go and endpoint/domain_filter.go. The media type is
compared byte for byte by the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from clusterdns.directives.config.pattern import compile_pattern
from clusterdns.errors import ClusterDNSError
from externaldns.changes import NameChange, RecordChange
from externaldns.domain_filter import DomainFilter
from externaldns.record import Endpoint, normalize_name

MEDIA_TYPE = "application/external.dns.webhook+json;version=1"


class BadPayload(ClusterDNSError):
    """What the other side sent is not the protocol's JSON."""


class _Property(Struct):
    name: str = ""
    value: str = ""


class _Endpoint(Struct):
    dns_name: str = field(default="", name="dnsName")
    targets: list[str] | None = None
    record_type: str = field(default="", name="recordType")
    set_identifier: str = field(default="", name="setIdentifier")
    ttl: int = field(default=0, name="recordTTL")
    labels: dict[str, str] | None = None
    provider_specific: list[_Property] | None = field(default=None, name="providerSpecific")


class _Changes(Struct):
    create: list[_Endpoint] | None = None
    update_old: list[_Endpoint] | None = field(default=None, name="updateOld")
    update_new: list[_Endpoint] | None = field(default=None, name="updateNew")
    delete: list[_Endpoint] | None = None


class _Filter(Struct):
    include: list[str] | None = None
    exclude: list[str] | None = None
    regex_include: str | None = field(default=None, name="regexInclude")
    regex_exclude: str | None = field(default=None, name="regexExclude")


def encode_endpoints(endpoints: Iterable[Endpoint]) -> bytes:
    """Return the JSON array of `endpoints`; fields that are empty are left out, as Go's `omitempty` does."""
    return msgspec.json.encode([_encode(endpoint) for endpoint in endpoints])


def decode_endpoints(body: bytes) -> list[Endpoint]:
    """Read a JSON array of endpoints; `null` is an empty one. Raises BadPayload."""
    return [_decode(raw) for raw in _read(body, list[_Endpoint] | None) or []]


def encode_changes(changes: Iterable[NameChange]) -> bytes:
    """Return the JSON object of all steps of `changes`."""
    lists: dict[str, list[Any]] = {"create": [], "updateOld": [], "updateNew": [], "delete": []}
    for change in changes:
        for step in change.steps:
            if step.old is None and step.new is not None:
                lists["create"].append(_encode(step.new))
            elif step.new is None and step.old is not None:
                lists["delete"].append(_encode(step.old))
            elif step.old is not None and step.new is not None:
                lists["updateOld"].append(_encode(step.old))
                lists["updateNew"].append(_encode(step.new))
    return msgspec.json.encode(lists)


def decode_changes(body: bytes) -> list[NameChange]:
    """Read changes, by name; within a name deletions come first, next to the creations. Raises BadPayload."""
    raw = _read(body, _Changes)
    old, new = ([_decode(each) for each in part or []] for part in (raw.update_old, raw.update_new))
    if len(old) != len(new):
        raise BadPayload(f"updateOld has {len(old)} endpoints and updateNew {len(new)}: they must be pairs")
    before = {each.key: each for each in old}
    steps = [
        *(RecordChange(_decode(each), None) for each in raw.delete or []),
        *(RecordChange(before.get(each.key, was), each) for was, each in zip(old, new, strict=True)),
        *(RecordChange(None, _decode(each)) for each in raw.create or []),
    ]
    groups: dict[str, list[RecordChange]] = {}
    for step in steps:
        groups.setdefault(step.endpoint.dns_name, []).append(step)
    return [NameChange(name, tuple(groups[name])) for name in sorted(groups)]


def encode_filter(domains: DomainFilter) -> bytes:
    """Return the JSON of a domain filter; an empty object lets everything through."""
    if domains.include is not None or domains.exclude is not None:
        patterns = {"regexInclude": domains.include, "regexExclude": domains.exclude}
        return msgspec.json.encode({name: pattern.text for name, pattern in patterns.items() if pattern is not None})
    lists: Mapping[str, Sequence[str]] = {"include": domains.includes, "exclude": domains.excludes}
    return msgspec.json.encode({name: list(values) for name, values in lists.items() if values})


def decode_filter(body: bytes) -> DomainFilter:
    """Read a domain filter. Raises BadPayload."""
    raw = _read(body, _Filter)
    try:
        patterns = [compile_pattern(text) if text else None for text in (raw.regex_include, raw.regex_exclude)]
    except ValueError as error:
        raise BadPayload(f"a regular expression of the domain filter: {error}") from None
    return DomainFilter.parse(raw.include or [], raw.exclude or [], *patterns)


def _read(body: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadPayload(f"not the webhook protocol's JSON: {error}") from None


def _encode(endpoint: Endpoint) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "dnsName": endpoint.dns_name,
        "targets": list(endpoint.targets),
        "recordType": endpoint.record_type,
        "setIdentifier": endpoint.set_identifier,
        "recordTTL": endpoint.ttl or 0,
        "labels": dict(endpoint.labels),
        "providerSpecific": [{"name": name, "value": value} for name, value in endpoint.provider_specific.items()],
    }
    return {name: value for name, value in fields.items() if value}


def _decode(raw: _Endpoint) -> Endpoint:
    return Endpoint(
        normalize_name(raw.dns_name),
        tuple(raw.targets or ()),
        raw.record_type,
        raw.set_identifier,
        raw.ttl or None,
        raw.labels or {},
        {each.name: each.value for each in raw.provider_specific or []},
    )
