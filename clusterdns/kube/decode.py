"""Bytes from an API server, or documents from a manifest, to trimmed objects.

API server: list pages and watch lines (bytes) -> here -> reflector -> store. `trim`, where it is given, makes of raw
            objects what the store keeps; without it they are trimmed as the kind's objects are.
Manifests:  documents (what YAML or JSON makes of them) -> here -> ManifestFolder -> store.
Pure: no I/O, no clock. The only error is MalformedObject, whatever the input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.custom import CustomChangeDecoder, CustomDecoder, RawCustomObject, trim_custom
from clusterdns.kube.kinds import KINDS, Kind, find_kind, is_custom, resource_of
from clusterdns.kube.objects import Key, KubeObject, Named
from clusterdns.kube.raw import (
    RawBookmark,
    RawChange,
    RawEndpointSlice,
    RawEvent,
    RawList,
    RawNamespace,
    RawNode,
    RawPod,
    RawService,
    RawServiceImport,
    RawStatus,
    RawUnreadable,
)
from clusterdns.kube.raw_records import RawDNSEndpoint, RawGateway, RawIngressObject, RawRoute
from clusterdns.kube.trim import (
    Note,
    trim_endpoint_slice,
    trim_namespace,
    trim_node,
    trim_pod,
    trim_service,
    trim_service_import,
)
from clusterdns.kube.trim_records import trim_dns_endpoint, trim_gateway, trim_ingress, trim_route


class MalformedObject(ClusterDNSError):
    """What claims to be a Kubernetes object, list or watch line is none; the text says where and why."""


class Put(Struct, frozen=True):
    """ADDED or MODIFIED: the object as it is now; `resource_version` is that of the change."""

    object: Named
    resource_version: str


class Delete(Struct, frozen=True):
    """DELETED: gone, or no longer matched by the selector; `resource_version` is that of the deletion."""

    key: Key
    resource_version: str


class Bookmark(Struct, frozen=True):
    """BOOKMARK: nothing changed up to `resource_version`; `ends_list` at the end of a streamed list."""

    resource_version: str
    ends_list: bool = False


class Failure(Struct, frozen=True):
    """ERROR: the server ends the watch; `code` is an HTTP status, though the response itself was a 200."""

    code: int
    reason: str
    message: str


class Unreadable(Struct, frozen=True):
    """One object that is there and could not be decoded; `key` is None where not even its name can be read."""

    problem: str
    key: Key | None = None


Event = Put | Delete | Bookmark | Failure | Unreadable


class Page(Struct, frozen=True):
    """One page of a list; `continue_token` is empty on the last one. Objects are decoded as they are taken."""

    objects: Iterator[Named | Unreadable]
    resource_version: str
    continue_token: str


# "sendInitialEvents=true ... the server sends a synthetic Bookmark event, with a annotation to indicate the end".
_ENDS_LIST = "k8s.io/initial-events-end"


Trim = Callable[[Any, Note], Named]
"""From raw to what is wanted of it."""


class _Codec(Struct):
    """How one kind is decoded: its raw shape, decoders made once, and the way from raw to trimmed."""

    raw: type[Any]
    trim: Callable[[Any, Note], KubeObject]
    one: msgspec.json.Decoder[Any] | CustomDecoder
    change: msgspec.json.Decoder[Any] | CustomChangeDecoder


def _codec(raw: Any, trim: Callable[[Any, Note], KubeObject]) -> _Codec:
    decoders = (msgspec.json.Decoder(shape) for shape in (raw, RawChange[raw]))
    return _Codec(raw, trim, *decoders)


_CODECS: dict[str, _Codec] = {
    "Namespace": _codec(RawNamespace, trim_namespace),
    "Service": _codec(RawService, trim_service),
    "EndpointSlice": _codec(RawEndpointSlice, trim_endpoint_slice),
    "Pod": _codec(RawPod, trim_pod),
    "Node": _codec(RawNode, trim_node),
    "ServiceImport": _codec(RawServiceImport, trim_service_import),
    "Ingress": _codec(RawIngressObject, trim_ingress),
    "DNSEndpoint": _codec(RawDNSEndpoint, trim_dns_endpoint),
    "Gateway": _codec(RawGateway, trim_gateway),
    "HTTPRoute": _codec(RawRoute, trim_route),
    "GRPCRoute": _codec(RawRoute, trim_route),
}
_CUSTOM = _Codec(RawCustomObject, trim_custom, CustomDecoder(), CustomChangeDecoder())
_PAGE = msgspec.json.Decoder(RawList)
_EVENT = msgspec.json.Decoder(RawEvent)
_BOOKMARK = msgspec.json.Decoder(RawBookmark)
_UNREADABLE = msgspec.json.Decoder(RawUnreadable)
_STATUS = msgspec.json.Decoder(RawStatus)

# What msgspec raises: bad JSON and wrong types, text that is not UTF-8, nesting beyond the interpreter's stack.
_UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_page(kind: str, body: bytes, note: Note, trim: Trim | None = None) -> Page:
    """Decode one page of a list of `kind`.

    Raises MalformedObject if the body as a whole is no list.
    """
    try:
        page = _PAGE.decode(body)
    except _UNDECODABLE as error:
        raise MalformedObject(f"list of {kind}: {_explain(error)}") from None
    codec = _codec_of(kind)
    if is_custom(kind):
        codec = structs.replace(codec, one=CustomDecoder(page.kind.removesuffix("List"), page.api_version))
    objects = _decode_items(kind, codec, page.items or (), note, trim)
    return Page(objects, page.metadata.resource_version, page.metadata.continue_token)


def _codec_of(kind: str) -> _Codec:
    return _CUSTOM if is_custom(kind) else _CODECS[kind]


def _decode_items(
    kind: str, codec: _Codec, items: Iterable[msgspec.Raw], note: Note, trim: Trim | None
) -> Iterator[Named | Unreadable]:
    for raw in items:
        try:
            item = codec.one.decode(raw)
        except _UNDECODABLE:
            yield _unreadable(kind, codec, raw)
            continue
        if item.metadata.name:
            yield _trimmed(kind, trim or codec.trim, item, note)
        else:
            yield _unreadable(kind, codec, raw)


def decode_event(kind: str, line: bytes, note: Note, trim: Trim | None = None) -> Event:
    """Decode one line of a watch of `kind`. Raises MalformedObject if the line is no watch event at all."""
    codec = _codec_of(kind)
    try:
        # Changes, in one pass over the line. Bookmarks, errors and what is broken get a second look.
        change = codec.change.decode(line)
    except _UNDECODABLE:
        return _decode_other_event(kind, codec, line)
    meta = change.object.metadata
    if change.type in ("ADDED", "MODIFIED") and meta.name:
        return Put(_trimmed(kind, trim or codec.trim, change.object, note), meta.resource_version or "")
    if change.type == "DELETED" and meta.name:
        return Delete((meta.namespace or "", meta.name), meta.resource_version or "")
    return _decode_other_event(kind, codec, line)


def _decode_other_event(kind: str, codec: _Codec, line: bytes) -> Event:
    try:
        event = _EVENT.decode(line)
        if event.type == "ERROR":
            status = _STATUS.decode(event.object)
            return Failure(status.code, status.reason, status.message)
        if event.type == "BOOKMARK":
            meta = _BOOKMARK.decode(event.object).metadata
            return Bookmark(meta.resource_version or "", (meta.annotations or {}).get(_ENDS_LIST) == "true")
        if event.type not in ("ADDED", "MODIFIED", "DELETED"):
            raise MalformedObject(f"watch of {kind}: unknown event type {event.type!r}")
    except _UNDECODABLE as error:
        raise MalformedObject(f"watch of {kind}: {_explain(error)}") from None
    unreadable = _unreadable(kind, codec, event.object)
    # What it was does not matter any more.
    if event.type == "DELETED" and unreadable.key is not None:
        return Delete(unreadable.key, "")
    return unreadable


def _unreadable(kind: str, codec: _Codec, raw: msgspec.Raw) -> Unreadable:
    """An object without a name, or of which a field has another type than it should."""
    problem = "metadata.name is missing"
    try:
        codec.one.decode(raw)
    except _UNDECODABLE as error:
        problem = _explain(error)
    try:
        meta = _UNREADABLE.decode(raw).metadata
    except _UNDECODABLE:
        meta = None
    if meta is None or not meta.name:
        return Unreadable(f"{kind} can't be read: {problem}")
    key = (meta.namespace or "", meta.name)
    return Unreadable(f"{kind} {'/'.join(filter(None, key))} can't be read: {problem}", key)


def decode_status(body: bytes) -> RawStatus | None:
    """The Status object in the body of an HTTP error; None where the body is something else."""
    try:
        return _STATUS.decode(body)
    except _UNDECODABLE:
        return None


def decode_document(document: object, note: Note, custom: Collection[str] = ()) -> list[tuple[Kind, KubeObject]]:
    """One manifest document, as YAML or JSON gave it, to its objects: none for kinds that are not read, several for
    a `kind: List`. A namespaced object without a namespace is in `default`, as kubectl has it. `custom` are names of
    resources whose objects are taken whole, too.

    Raises MalformedObject saying which field of which object is wrong.
    """
    if not isinstance(document, dict):
        raise MalformedObject(f"expected an object with apiVersion and kind, got {_type_name(document)}")
    api_version, name = _required_text(document, "apiVersion"), _required_text(document, "kind")
    if name.removesuffix("List") in ("", *KINDS) and name.endswith("List"):
        return _list_document(document, api_version, name.removesuffix("List"), note, custom)
    resource = resource_of(name, api_version)
    whole = [(find_kind(resource), _convert_custom(document))] if resource in custom else []
    return whole + _decode_listed(document, name, api_version, note)


def _decode_listed(document: dict[Any, Any], name: str, api_version: str, note: Note) -> list[tuple[Kind, KubeObject]]:
    kind = KINDS.get(name)
    group, _, version = api_version.rpartition("/")
    if kind is None or group != kind.group:
        return []
    if version != kind.version:
        raise MalformedObject(f"{name} of {api_version} is not known; write apiVersion: {kind.api_version}")
    return [(kind, _convert(kind, document, note))]


def _required_text(document: dict[Any, Any], key: str) -> str:
    value = document.get(key)
    if isinstance(value, str) and value:
        return value
    raise MalformedObject(f"{key} is missing" if value is None else f"{key} must be text, got {_type_name(value)}")


def _list_document(
    document: dict[Any, Any], api_version: str, item_kind: str, note: Note, custom: Collection[str]
) -> list[tuple[Kind, KubeObject]]:
    """`kind: List`, whose items say what they are, or `kind: PodList`, whose items need not."""
    items = document.get("items")
    if not isinstance(items, list):
        raise MalformedObject(f"items of a {item_kind}List must be a list, got {_type_name(items)}")
    found: list[tuple[Kind, KubeObject]] = []
    for number, item in enumerate(items):
        if isinstance(item, dict):
            if item_kind:
                item = {"apiVersion": api_version, "kind": item_kind, **item}
            if str(item.get("kind")).endswith("List"):
                raise MalformedObject(f"items[{number}]: a list inside a list; write its items one level up")
        try:
            found += decode_document(item, note, custom)
        except MalformedObject as error:
            raise MalformedObject(f"items[{number}]: {error}") from None
    return found


def _convert(kind: Kind, document: dict[Any, Any], note: Note) -> KubeObject:
    codec = _CODECS[kind.name]
    try:
        raw = msgspec.convert(document, codec.raw)
    except _UNDECODABLE as error:
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        raise MalformedObject(f"{kind.name} {name or '(without a name)'}: {_explain(error)}") from None
    if not raw.metadata.name:
        raise MalformedObject(f"{kind.name}: metadata.name is missing")
    if kind.namespaced and not raw.metadata.namespace:
        raw.metadata.namespace = "default"
    return _trimmed(kind.name, codec.trim, raw, note)


def _convert_custom(document: dict[Any, Any]) -> KubeObject:
    """A document of a kind that is taken whole. Whether it is in namespaces is not known: it gets none."""
    try:
        raw = CustomDecoder().convert(document)
    except _UNDECODABLE as error:
        raise MalformedObject(f"{document['kind']}: metadata: {_explain(error)}") from None
    if not raw.metadata.name:
        raise MalformedObject(f"{document['kind']}: metadata.name is missing")
    return trim_custom(raw, lambda text: None)


Made = TypeVar("Made", bound=Named)


def _trimmed(kind: str, trim: Callable[[Any, Note], Made], raw: Any, note: Note) -> Made:
    meta = raw.metadata

    def note_with_object(text: str) -> None:
        note(f"{kind} {meta.namespace + '/' if meta.namespace else ''}{meta.name}: {text}")

    return trim(raw, note_with_object)


def _explain(error: Exception) -> str:
    """msgspec's text, with the place in front: "spec.ports[0].port: expected `int`, got `str`"."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    what, _, where = str(error).partition(" - at `$")
    what = what[:1].lower() + what[1:]
    return f"{where.rstrip('`').removeprefix('.')}: {what}" if where else what


def _type_name(value: object) -> str:
    names = {type(None): "nothing", dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return names.get(type(value)) or str(value)
