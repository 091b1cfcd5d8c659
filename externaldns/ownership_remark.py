"""What an ownership remark says: the Remark of a single value in PrivateZone (`--registry=remark`).

    externaldns,<owner>,<kind>,<namespace>,<name>          externaldns,prod,service,shop,web
    externaldns,<owner>,.<digest>                          where that would be longer than a remark can be

A remark has 50 characters: letters, digits and `_-,.` (pvtz 2018-01-01, UpdateRecordRemark). The digest stands for the
resource; it is enough to see whether a resource is the same. No I/O, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_REMARK_CHARACTERS
from externaldns.record import OWNER_LABEL, RESOURCE_LABEL
from externaldns.resource_label import DIGEST_CHARACTERS, digest

_MARK = "externaldns"
_OWNER = re.compile(r"[A-Za-z0-9_.-]+")
_RESOURCE = re.compile(r"[A-Za-z0-9_./-]*")

OWNER_CHARACTERS = int(PRIVATEZONE_REMARK_CHARACTERS.maximum) - len(_MARK) - DIGEST_CHARACTERS - 2
"""The longest owner that leaves room for a digest."""


def check_owner(owner: str) -> None:
    """Raise ConfigError unless remarks can hold `owner`."""
    if not _OWNER.fullmatch(owner) or len(owner) > OWNER_CHARACTERS:
        raise ConfigError(
            f"{owner!r} does not fit into a remark: write at most {OWNER_CHARACTERS} letters, digits, _, - or .",
            source="--txt-owner-id",
        )


def write(labels: Mapping[str, str]) -> str:
    """Return the remark that says `labels` (owner, resource)."""
    parts = [_MARK, labels[OWNER_LABEL]]
    if resource := labels.get(RESOURCE_LABEL, ""):
        parts.append(_fit(resource, int(PRIVATEZONE_REMARK_CHARACTERS.maximum) - len(",".join(parts)) - 1))
    return ",".join(parts)


def read(remark: str) -> dict[str, str] | None:
    """Return the labels in `remark`; None if it is somebody's own words. A digest is kept as it is."""
    mark, _, rest = remark.partition(",")
    owner, _, resource = rest.partition(",")
    if mark != _MARK or not owner:
        return None
    labels = {OWNER_LABEL: owner}
    if resource:
        labels[RESOURCE_LABEL] = resource if resource.startswith(".") else resource.replace(",", "/")
    return labels


def _fit(resource: str, room: int) -> str:
    fits = len(resource) <= room and _RESOURCE.fullmatch(resource)
    return resource.replace("/", ",") if fits else digest(resource)
