"""Which names are ours to manage: --domain-filter and --exclude-domains, or --regex-domain-filter and
--regex-domain-exclusion; and the zones that there are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from clusterdns.directives.config.pattern import Pattern, compile_pattern
from externaldns.record import normalize_name


@dataclass(frozen=True, slots=True)
class DomainFilter:
    """`example.org` lets itself and everything below it through, `.example.org` only what is below it.

    No includes let everything through; an exclude counts before any include. Where there is a pattern of either kind,
    the lists do not count (as in ExternalDNS): a name is let through if `exclude` is nowhere in it and `include` is.
    """

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    include: Pattern | None = None
    exclude: Pattern | None = None

    @classmethod
    def parse(
        cls,
        includes: Iterable[str],
        excludes: Iterable[str],
        include: Pattern | None = None,
        exclude: Pattern | None = None,
    ) -> DomainFilter:
        return cls(_normalize(includes), _normalize(excludes), include, exclude)

    def match(self, name: str) -> bool:
        """Tell whether the normalized `name` may be managed."""
        if self._has_pattern:
            if self.exclude is not None and self.exclude.search(name):
                return False
            return self.include is None or self.include.search(name) is not None
        if any(_covers(domain, name) for domain in self.excludes):
            return False
        return not self.includes or any(_covers(domain, name) for domain in self.includes)

    def match_zone(self, zone: str) -> bool:
        """Tell whether `zone` may hold names that match: it matches, or a domain that is included lies in it.

        What names a pattern will match can't be told from their zone, so that it lets every zone through.
        """
        if self._has_pattern:
            return True
        if any(_covers(domain, zone) for domain in self.excludes):
            return False
        return self.match(zone) or any(_covers(zone, domain.removeprefix(".")) for domain in self.includes)

    def within(self, zones: Iterable[str]) -> DomainFilter | None:
        """Return what is let through and lies in one of `zones`, None if nothing can; a pattern of includes stays as
        it is.
        """
        zones = sorted(zones)
        if ROOT in zones:
            return self
        if self.include is not None or not zones:
            return self if zones else None
        if self.exclude is not None:
            # Beside a pattern, lists do not count.
            inside = "|".join(zone.replace(".", "[.]") for zone in zones)
            return replace(self, include=compile_pattern(rf"(^|[.])({inside})$"))
        if not self.includes:
            return replace(self, includes=tuple(zones))
        narrow = {domain for domain in self.includes if any(_covers(zone, domain.removeprefix(".")) for zone in zones)}
        narrow |= {zone for zone in zones if any(_covers(domain, zone) for domain in self.includes)}
        return replace(self, includes=tuple(sorted(narrow))) if narrow else None

    @property
    def _has_pattern(self) -> bool:
        return self.include is not None or self.exclude is not None


ROOT = "."
"""What a provider that tells of no zones gives for their names: any name may go into it."""


class Zones:
    """The names of the zones that a provider holds, for finding the one that a record goes into."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def find(self, name: str) -> str:
        """Return the zone that holds `name`, the longest if several do; "" if none does."""
        while name not in self._names:
            _, dot, name = name.partition(".")
            if not dot:
                return ROOT if ROOT in self._names else ""
        return name


def _normalize(domains: Iterable[str]) -> tuple[str, ...]:
    cleaned = (domain.strip() for domain in domains)
    return tuple(
        f".{normalize_name(domain[1:])}" if domain.startswith(".") else normalize_name(domain)
        for domain in cleaned
        if domain.strip(".")
    )


def _covers(domain: str, name: str) -> bool:
    if domain.startswith("."):
        return name.endswith(domain)
    return name == domain or name.endswith(f".{domain}")
