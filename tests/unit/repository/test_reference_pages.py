"""The pages made from the code are those of this code, and the metrics on them are what running programs expose."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.demo.processes import fetch
from clusterdns.demo.suite import Suite
from docs import generate
from docs.generate import Family
from tests.unit.repository import tree

FAMILIES = generate.families()
# ExternalDNS calls these gauges, and these counters, so, and its dashboards ask for them.
FOREIGN = {
    "external_dns_source_endpoints_total": "_total is for counters",
    "external_dns_registry_endpoints_total": "_total is for counters",
    "external_dns_provider_cache_records_calls": "kind",
    "external_dns_provider_cache_apply_changes_calls": "kind",
}
_NAME = re.compile(r"(coredns|external_dns|clusterdns|process)(_[a-z0-9]+)+")
_LABEL = re.compile(r"[a-z][a-z_]*")
_NOT_BASE_UNITS = {"ms", "us", "ns", "milliseconds", "microseconds", "minutes", "hours", "kilobytes", "kb", "percent"}


def problems(family: Family) -> list[str]:
    """What a family breaks of https://prometheus.io/docs/practices/naming/."""
    found = []
    words = family.name.split("_")
    if not _NAME.fullmatch(family.name):
        found.append("prefix, or characters")
    if (words[-1] == "total") != (family.kind == "counter"):
        found.append("_total is for counters")
    if _NOT_BASE_UNITS & set(words):
        found.append("no base unit")
    if any(unit in words and unit not in words[-2:] for unit in ("seconds", "bytes")):
        found.append("the unit is the last word")
    if family.kind not in ("counter", "gauge", "histogram", "summary"):
        found.append("kind")
    if not family.help.endswith("."):
        found.append("help is a sentence")
    if not all(_LABEL.fullmatch(label) for label in family.labels):
        found.append("labels")
    return found


@pytest.mark.parametrize("name", generate.pages())
def test_page_is_made_of_this_code(name: str) -> None:
    assert (generate.FOLDER / name).read_text("utf-8") == generate.pages()[name], "run `make docs`"


def test_the_pages_are_not_empty() -> None:
    flags, metrics, limits = (generate.pages()[name] for name in ("flags.md", "metrics.md", "limits.md"))
    for word in ("`-localip=TEXT`", "`-p=NUMBER`", "`--txt-owner-id=TEXT`", "`--dns-listen=IP:PORT`", "`--json`"):
        assert word in flags
    for program in tree.project()["project"]["scripts"]:
        assert f"\n## {program}" in flags
    assert "| `coredns_cache_misses_total` | counter | `server`, `zones`, `view` | Questions that" in metrics
    assert "| label length | 63 | 1 | 63 | bytes | RFC 1035 section 3.1 |" in limits


@pytest.mark.parametrize(
    ("program", "family"),
    [
        *((program, family) for program, known in FAMILIES.items() for family in known),
        *(("nodelocal", family) for family in generate.setup_families()),
    ],
)
def test_metric_names(program: str, family: Family) -> None:
    assert problems(family) == ([FOREIGN[family.name]] if family.name in FOREIGN else [])


@pytest.mark.parametrize(
    "family",
    [
        Family("nodelocal_hits_total", "counter", (), "Hits."),
        Family("clusterdns_Hits_total", "counter", (), "Hits."),
        Family("clusterdns_hits", "counter", (), "Hits."),
        Family("clusterdns_entries_total", "gauge", (), "Entries."),
        Family("clusterdns_age_ms", "gauge", (), "Age."),
        Family("clusterdns_seconds_since_the_last_run", "gauge", (), "Age."),
        Family("clusterdns_age_seconds", "info", (), "Age."),
        Family("clusterdns_age_seconds", "gauge", (), ""),
        Family("clusterdns_age_seconds", "gauge", ("Zone",), "Age."),
    ],
)
def test_the_check_of_names_sees(family: Family) -> None:
    assert len(problems(family)) == 1


def test_one_name_is_one_family() -> None:
    everywhere = dict.fromkeys(family for known in FAMILIES.values() for family in known)
    names = [family.name for family in everywhere]
    assert [name for name in names if names.count(name) > 1] == []


def test_running_programs_expose_these_families(tmp_path: Path) -> None:
    async def scrape() -> dict[str, str]:
        suite = Suite(tmp_path)
        ports = suite.nodelocal._environment  # of all programs
        try:
            await suite.start()
            await suite.pod("127.0.0.1", "default").look_up("aliyun.com")
            return {
                program: (await fetch(f"http://127.0.0.1:{ports[f'DEMO_{program.upper()}_METRICS_PORT']}/metrics"))[1]
                for program in FAMILIES
            }
        finally:
            await suite.stop()

    for program, text in asyncio.run(scrape()).items():
        assert _disagreements(text, FAMILIES[program]) == [], program


def _disagreements(scrape: str, families: Iterable[Family]) -> list[str]:
    """Families that are only in one of both, or of another type or with other labels there."""
    documented = {family.name: family for family in families}
    found = []
    exposed = set()
    for metric in text_string_to_metric_families(scrape):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        exposed.add(name)
        family = documented.get(name)
        if family is None or (family.kind, family.help) != (metric.type, metric.documentation):
            found.append(f"{name}: {family}")
        elif any(sample.labels.keys() - {"le"} != set(family.labels) for sample in metric.samples):
            found.append(f"{name}: labels")
    return found + sorted(documented.keys() - exposed)


@pytest.mark.parametrize(
    ("scrape", "disagreements"),
    [
        ("# HELP a_total A.\n# TYPE a_total counter\na_total{b='1'} 1\n".replace("'", '"'), []),
        ("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n", ["a_total: labels"]),
        ("", ["a_total"]),
    ],
)
def test_the_check_of_scrapes_sees(scrape: str, disagreements: list[str]) -> None:
    assert _disagreements(scrape, [Family("a_total", "counter", ("b",), "A.")]) == disagreements
