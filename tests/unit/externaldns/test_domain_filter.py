"""--domain-filter and --exclude-domains, and the choice of a zone."""

from __future__ import annotations

import pytest

from clusterdns.directives.config.pattern import compile_pattern
from externaldns.domain_filter import DomainFilter, Zones


@pytest.mark.parametrize(
    ("includes", "excludes", "name", "matches"),
    [
        ((), (), "web.example.org", True),
        (("example.org",), (), "example.org", True),
        (("example.org",), (), "web.example.org", True),
        (("example.org",), (), "notexample.org", False),
        ((".example.org",), (), "example.org", False),
        ((".example.org",), (), "web.example.org", True),
        (("Example.ORG.",), (), "web.example.org", True),
        ((" ", ""), (), "web.example.org", True),
        (("bücher.example",), (), "a.xn--bcher-kva.example", True),
        (("example.org", "example.net"), (), "web.example.net", True),
        (("example.org",), ("int.example.org",), "web.int.example.org", False),
        (("example.org",), ("int.example.org",), "web.example.org", True),
        ((), (".int.example.org",), "int.example.org", True),
        ((), ("example.org",), "web.example.org", False),
    ],
)
def test_names(includes: tuple[str, ...], excludes: tuple[str, ...], name: str, matches: bool) -> None:
    assert DomainFilter.parse(includes, excludes).match(name) is matches


@pytest.mark.parametrize(
    ("includes", "excludes", "zone", "matches"),
    [
        (("example.org",), (), "example.org", True),
        (("example.org",), (), "int.example.org", True),
        # The zone above a filtered domain is where its records go.
        (("int.example.org",), (), "example.org", True),
        ((".int.example.org",), (), "int.example.org", True),
        (("example.org",), (), "example.net", False),
        ((), ("example.org",), "example.org", False),
        ((), ("int.example.org",), "example.org", True),
    ],
)
def test_zones(includes: tuple[str, ...], excludes: tuple[str, ...], zone: str, matches: bool) -> None:
    assert DomainFilter.parse(includes, excludes).match_zone(zone) is matches


@pytest.mark.parametrize(
    ("include", "exclude", "name", "matches"),
    [
        (r"\.ex\.com$", None, "web.ex.com", True),
        (r"\.ex\.com$", None, "web.ex.net", False),
        (r"\.ex\.com$", r"^int\.", "int.ex.com", False),
        (None, r"^int\.", "int.ex.com", False),
        (None, r"^int\.", "web.ex.com", True),
    ],
)
def test_patterns_take_the_place_of_lists(include: str | None, exclude: str | None, name: str, matches: bool) -> None:
    patterns = [compile_pattern(text) if text is not None else None for text in (include, exclude)]
    domains = DomainFilter.parse(["ex.org"], ["ex.com"], *patterns)
    assert domains.match(name) is matches
    assert domains.match_zone("ex.com"), "a zone whose names may match is read"


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("web.example.org", "example.org"),
        ("example.org", "example.org"),
        ("web.int.example.org", "int.example.org"),
        ("notexample.org", ""),
        ("org", ""),
        ("", ""),
    ],
)
def test_the_longest_zone_holds_a_name(name: str, zone: str) -> None:
    assert Zones(["example.org", "int.example.org"]).find(name) == zone
