"""Objects of any kind, whole: for what is made of kinds that only the user knows, such as a custom resource of theirs.

API server or manifest -> dict (here) -> CustomObject -> store. A kind that `clusterdns.kube.kinds` does not list goes
by its resource's name, `certificates.v1.cert-manager.io`. Its objects say their `kind` in a watch; in a page the list
may say it for them. Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterdns.kube.objects import KubeObject
from clusterdns.kube.raw import RawEvent, RawMetadata
from clusterdns.kube.trim import LAST_APPLIED, Note, identity

_CONTENT = msgspec.json.Decoder(dict[str, Any])
_EVENT = msgspec.json.Decoder(RawEvent)


class CustomObject(KubeObject, frozen=True, kw_only=True):
    """An object with all that the server says of it in `content`, but for what kubectl and the server note there."""

    kind: str = ""
    api_version: str = ""
    content: dict[str, Any] = {}


class RawCustomObject(msgspec.Struct):
    """An object before it is trimmed, in the shape that the decoder of the other kinds has."""

    metadata: RawMetadata
    content: dict[str, Any]


class RawCustomChange(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: RawCustomObject


class CustomDecoder:
    """Decodes one object; `kind` and `api_version` are those of its list, for one that does not say."""

    def __init__(self, kind: str = "", api_version: str = "") -> None:
        self._defaults = {"kind": kind, "apiVersion": api_version}

    def decode(self, data: bytes | msgspec.Raw) -> RawCustomObject:
        return self.convert(_CONTENT.decode(data))

    def convert(self, content: dict[str, Any]) -> RawCustomObject:
        return RawCustomObject(msgspec.convert(content.get("metadata"), RawMetadata), self._defaults | content)


class CustomChangeDecoder:
    """Decodes one line of a watch."""

    def decode(self, line: bytes) -> RawCustomChange:
        event = _EVENT.decode(line)
        return RawCustomChange(event.type, CustomDecoder().decode(event.object))


def trim_custom(raw: RawCustomObject, note: Note) -> CustomObject:
    content = raw.content
    metadata = {key: value for key, value in content["metadata"].items() if key != "managedFields"}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    return CustomObject(
        **identity(raw.metadata),
        kind=str(content.get("kind", "")),
        api_version=str(content.get("apiVersion", "")),
        content=content | {"metadata": metadata},
    )
