"""Real resolvers in a pod, without and with the search walk on its node: fewer questions, the same addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.resolvers.__main__ import NAMES, WALK
from bench.resolvers.programs import resolvers
from bench.resolvers.scene import Outcome, Scene
from tests.support.netns import Namespaces

Outcomes = dict[tuple[str, str], Outcome]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcomes, Outcomes]]:
    """What each resolver finds for each name: without the walk, and with it."""
    folder = tmp_path_factory.mktemp("resolvers")
    found, _missing = resolvers(folder, runtimes=False)
    tables: list[Outcomes] = []
    with Namespaces() as namespaces:
        scene = Scene(namespaces, folder)
        for walk in ("", WALK):
            scene.start_nodelocal(walk)
            tables.append({(each.name, name): scene.look_up(each, name) for each in found for name in NAMES})
        yield tables[0], tables[1]


def test_every_resolver_finds_the_same_addresses(outcomes: tuple[Outcomes, Outcomes]) -> None:
    plain, walked = outcomes
    assert {key: each.addresses for key, each in walked.items()} == {key: each.addresses for key, each in plain.items()}


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("aliyun.com", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}),
        ("web", {"10.96.1.10", "fd00:96::10"}),
        ("api.billing", {"10.96.2.10"}),
        ("missing.example", set()),
    ],
)
def test_they_are_the_right_ones(outcomes: tuple[Outcomes, Outcomes], name: str, addresses: set[str]) -> None:
    _, walked = outcomes
    found = {resolver: set(each.addresses) for (resolver, asked), each in walked.items() if asked == name}
    assert found == dict.fromkeys(found, addresses)
    assert {"Python", "c-ares (aiodns)"} <= set(found)


@pytest.mark.parametrize("name", ["aliyun.com", "api.billing"])
def test_names_from_outside_the_namespace_cost_the_client_fewer_questions(
    outcomes: tuple[Outcomes, Outcomes], name: str
) -> None:
    plain, walked = outcomes
    asked = {key[0]: (plain[key].client_queries, walked[key].client_queries) for key in plain if key[1] == name}
    # A and AAAA, unless a busy machine makes a resolver ask again.
    assert [each for each, (before, after) in asked.items() if not 2 <= after < before] == []
