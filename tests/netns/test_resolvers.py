"""Real resolvers in pods, without and with the search walk on their node: fewer questions, the same addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bench.resolvers.programs import resolvers
from bench.resolvers.scene import Outcome, Scene
from tests.support.netns import Namespaces

# Pod, name, and its addresses. `client` is of namespace shop and searches as pods do; `stranger` is one of another
# namespace; `tool` searches shop.svc.cluster.local and tools.example, with `ndots: 2`.
LOOK_UPS: list[tuple[str, str, set[str]]] = [
    ("client", "aliyun.com", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}),
    ("client", "web", {"10.96.0.0", "fd00:96::"}),
    ("client", "api.billing", {"10.97.0.0"}),
    ("client", "missing.example", set()),
    ("client", "ci.tools.example", {"192.0.2.7"}),
    ("stranger", "aliyun.com", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}),
    ("stranger", "web", set()),
    # What the first pod was answered on the walk is for its namespace only.
    ("stranger", "aliyun.com.shop.svc.cluster.local.", set()),
    ("tool", "aliyun.com", {"192.0.2.1", "192.0.2.2", "2001:db8::1"}),
    ("tool", "web", {"10.96.0.0", "fd00:96::"}),
    ("tool", "api.billing", set()),
    ("tool", "ci", {"192.0.2.7"}),
    ("tool", "mirror.ci", {"192.0.2.8"}),
    ("tool", "mirror.ci.tools.example", {"192.0.2.8"}),
    ("tool", "missing.example", set()),
]
_KEYS = [(pod, name) for pod, name, _ in LOOK_UPS]


@dataclass(frozen=True)
class Both:
    """A look-up of one resolver without and with the walk."""

    plain: Outcome
    walked: Outcome


Outcomes = dict[tuple[str, str], dict[str, Both]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """What each resolver finds, by pod and name, then by resolver."""
    folder = tmp_path_factory.mktemp("resolvers")
    found, _missing = resolvers(folder, runtimes=False)
    with Namespaces() as namespaces:
        scene = Scene(namespaces, folder)
        yield {
            (pod, name): {
                each.name: Both(*(scene.look_up(each, name, walks=walks, pod=pod) for walks in (False, True)))
                for each in found
            }
            for pod, name in _KEYS
        }


@pytest.mark.parametrize(("pod", "name", "addresses"), LOOK_UPS)
def test_every_resolver_finds_the_same_addresses(outcomes: Outcomes, pod: str, name: str, addresses: set[str]) -> None:
    found = outcomes[pod, name]
    assert {"Python", "c-ares (aiodns)"} <= set(found)
    assert {resolver: set(both.plain.addresses) for resolver, both in found.items()} == dict.fromkeys(found, addresses)
    assert {resolver: set(both.walked.addresses) for resolver, both in found.items()} == dict.fromkeys(found, addresses)


@pytest.mark.parametrize(("pod", "name"), [("client", "aliyun.com"), ("client", "api.billing"), ("tool", "ci")])
def test_names_from_outside_the_namespace_cost_the_client_fewer_questions(
    outcomes: Outcomes, pod: str, name: str
) -> None:
    found = outcomes[pod, name]
    asked = {resolver: (both.plain.client_queries, both.walked.client_queries) for resolver, both in found.items()}
    # A and AAAA, unless a busy machine makes a resolver ask again.
    assert [each for each, (before, after) in asked.items() if not 2 <= after < before] == []
