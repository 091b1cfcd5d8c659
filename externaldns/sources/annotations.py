"""The annotations that users steer their records with, under either of ExternalDNS's prefixes.

ExternalDNS moved from the first prefix below to the second in v0.22, without reading the old one any more, and fleets
lost their records. Here both are read; where an object has both, the newer one wins. No I/O, no clock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from clusterdns import duration
from clusterdns.errors import ConfigError
from externaldns.record import normalize_name

GA_PREFIX = "external-dns.kubernetes.io/"
ALPHA_PREFIX = "external-dns.alpha.kubernetes.io/"
DEFAULT_PREFIXES = (GA_PREFIX, ALPHA_PREFIX)

CONTROLLER_NAME = "dns-controller"
"""The value of the `controller` annotation that stands for this program and ExternalDNS."""

_PROVIDERS = ("alibabacloud", "webhook")

_LONGEST_TTL_SECONDS = 2**31 - 1  # RFC 2181 section 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Annotations:
    """The annotations of one object, by their names without prefix."""

    values: Mapping[str, str]
    prefixes: tuple[str, ...] = DEFAULT_PREFIXES

    def get(self, name: str) -> str | None:
        """Return the value of the annotation `name`, of the first prefix that has it."""
        for prefix in self.prefixes:
            if (value := self.values.get(prefix + name)) is not None:
                return value
        return None

    def names(self, name: str) -> tuple[str, ...]:
        """Return the host names in the comma-separated annotation `name`, normalized, in the order given."""
        return tuple(normalize_name(part) for part in self._split(name))

    def targets(self) -> tuple[str, ...]:
        """Return the targets that the annotation `target` puts in place of the object's own."""
        return tuple(part.removesuffix(".") for part in self._split("target"))

    def ttl(self, where: str) -> int | None:
        """Return the seconds in the annotation `ttl`: whole seconds or a Go duration; None if unset.

        A value that is wrong is logged with `where` (the object) and counts as unset: a record with the default TTL
        serves its users better than none.
        """
        text = self.get("ttl")
        if text is None:
            return None
        try:
            seconds = int(duration.seconds(text.strip(), bare=True))
        except ConfigError as error:
            logger.warning("%s: annotation ttl is ignored: %s", where, error)
            return None
        if not 1 <= seconds <= _LONGEST_TTL_SECONDS:
            logger.warning("%s: annotation ttl %r is ignored: write 1 to %d seconds", where, text, _LONGEST_TTL_SECONDS)
            return None
        return seconds

    def provider_specific(self) -> dict[str, str]:
        """Return what is for one provider only: `alibabacloud-weight: 3` is the property `alibabacloud/weight`."""
        found: dict[str, str] = {}
        for prefix in reversed(self.prefixes):
            for provider in _PROVIDERS:
                start = f"{prefix}{provider}-"
                found |= {
                    f"{provider}/{name.removeprefix(start)}": value
                    for name, value in sorted(self.values.items())
                    if name.startswith(start)
                }
        return found

    def switch(self, name: str) -> bool:
        """Tell whether the annotation `name` says true; anything but true or false counts as false."""
        return (self.get(name) or "").strip().lower() == "true"

    def belongs_to_another_controller(self) -> bool:
        controller = self.get("controller")
        return controller is not None and controller != CONTROLLER_NAME

    def _split(self, name: str) -> list[str]:
        text = (self.get(name) or "").replace(" ", "")
        return [part for part in text.split(",") if part]
