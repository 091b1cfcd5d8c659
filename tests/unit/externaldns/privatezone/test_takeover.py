"""A zone that ExternalDNS has filled is taken over as it is, and TTLs come to rest."""

from __future__ import annotations

import pytest

from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.whole import heritage, run

TEXT = heritage("web")


@pytest.mark.parametrize(
    ("rows", "ttl"),
    [
        pytest.param(["web A 60 192.0.2.1", f"a-web TXT 60 {TEXT}"], "", id="as it writes now"),
        pytest.param(["web A 60 192.0.2.1", f"a-web TXT 60 {TEXT.strip(chr(34))}"], "", id="without quotes"),
        pytest.param(["web A 60 192.0.2.1", f"a-web TXT 60 {TEXT.replace(',', ';')}"], "", id="with semicolons"),
        pytest.param(["web A 60 192.0.2.1", f"web TXT 60 {TEXT}"], "", id="ownership name without type"),
        # 60 read back as "none" made ExternalDNS update such a record in every run.
        pytest.param(["web A 60 192.0.2.1", f"a-web TXT 60 {TEXT}"], "60", id="TTL 60"),
        pytest.param(["web A 300 192.0.2.1", f"a-web TXT 300 {TEXT}"], "300", id="a TTL that the API should refuse"),
        pytest.param(["Web A 60 192.0.2.1", f"A-Web TXT 60 {TEXT}"], "", id="upper case"),
    ],
)
def test_nothing_is_rewritten(rows: list[str], ttl: str) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *rows)
    assert run(api, {"web": ("192.0.2.1", ttl)}) == 0
    assert api.calls == []


def test_what_was_taken_over_is_ours_to_delete() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 192.0.2.1", f"web TXT 60 {TEXT}", "db A 60 192.0.2.1", f"a-db TXT 60 {heritage('db')}")
    assert run(api, {}) == 2
    assert api.held("ex.com") == []


def test_a_removed_ttl_annotation_brings_the_default_back() -> None:
    api = MemoryApi("ex.com")
    for ttl, held in (("", 60), ("5", 5), ("7", 5), ("", 60)):
        run(api, {"web": ("192.0.2.1", ttl)})
        assert api.held("ex.com") == [f"a-web TXT 60 {TEXT}", f"web A {held} 192.0.2.1"]
    assert [line.split()[0] for line in api.calls] == ["add", "add", "update", "update"], "7 s is 5 s: nothing to do"
