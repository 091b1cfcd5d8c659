"""What stands above --force-default-targets: the annotation `target`, wherever a source reads it."""

from __future__ import annotations

import pytest

from externaldns.sources.shaping import Shaping
from externaldns.sources.source import collect
from tests.unit.externaldns.sources.building import NAME, annotated, shown
from tests.unit.externaldns.sources.one_object import RESOURCES, source_of

FORCED = Shaping(default_targets=("192.0.2.9",), force_default_targets=True)
TARGET = annotated(target="10.0.0.1")


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_chosen_target_stays_and_any_other_gives_way(kind: str) -> None:
    own = annotated(hostname=NAME)
    assert shown(collect([source_of(kind, own)], FORCED).endpoints) == {f"{NAME} A 192.0.2.9"}
    collected = collect([source_of(kind, own | TARGET, gateway=TARGET)], FORCED)
    # No annotation steers a DNSEndpoint.
    assert shown(collected.endpoints) == {f"{NAME} A {'192.0.2.9' if kind == 'crd' else '10.0.0.1'}"}
    assert "chosen" not in collected.endpoints[0].labels
