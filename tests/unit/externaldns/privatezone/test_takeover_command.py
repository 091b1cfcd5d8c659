"""`externaldns adopt` and `transfer` over the API in memory: what is printed, and what is written with --apply."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from clusterdns.errors import ConfigError
from externaldns import flags
from externaldns.config import RegistryConfig
from externaldns.domain_filter import DomainFilter
from externaldns.record import Endpoint
from externaldns.registries import build_registry
from externaldns.takeover_command import Reach, build_taking_registry, read_request, take_over
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail
from tests.unit.externaldns.privatezone.ownership_run import new_calls, provider_over, run, wanted
from tests.unit.externaldns.privatezone.whole import heritage

REACH = Reach(DomainFilter(), frozenset({"A", "AAAA", "CNAME"}))
WEB, DB = wanted("web.ex.com", "1.1.1.1"), wanted("db.ex.com", "2.2.2.2", resource="service/shop/db")


def registry_config(*arguments: str) -> RegistryConfig:
    base = ["--source=service", "--provider=alibabacloud", "--policy=sync", "--txt-owner-id=me"]
    return flags.parse([*base, *arguments], {}).registry


def command(api: MemoryApi, line: str, desired: Sequence[Endpoint], registry: str = "txt") -> tuple[bool, list[str]]:
    """Run a command line; return whether it went well, and what it told."""
    request, rest = read_request(line.split())
    assert rest == ["--policy=create-only"]
    told: list[str] = []
    calls = new_calls()
    config = registry_config(f"--registry={registry}")
    try:
        done = take_over(request, config, desired, provider_over(api, calls), REACH, told.append)
        return virtual_time.run(done), told
    finally:
        calls.close()


def zone(*rows: str) -> MemoryApi:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *rows)
    return api


def test_nothing_is_written_before_it_is_asked_for() -> None:
    api = zone("web A 60 1.1.1.1", "db A 60 9.9.9.9")
    assert command(api, "adopt", [WEB, DB]) == (
        True,
        [
            "take web.ex.com A 1.1.1.1: service/shop/web asks for it, nobody owns it",
            "leave db.ex.com A 9.9.9.9: service/shop/db asks for 2.2.2.2 (--any-value takes it)",
            "1 records to take, 1 left as they are",
            "nothing has been written; with --apply it is done",
        ],
    )
    assert api.calls == []


def test_adopt_writes_ownership_records_alone() -> None:
    api = zone("web A 60 1.1.1.1", "db A 5 9.9.9.9")
    good, told = command(api, "adopt --apply --any-value", [WEB, DB])
    assert (good, told[-1]) == (True, "2 names done, 0 failed")
    assert api.calls == [f"add a-db TXT {heritage('db')} 60", f"add a-web TXT {heritage('web')} 60"]
    assert command(api, "adopt --apply", [WEB, DB]) == (True, ["0 records to take, 0 left as they are"])
    run(api, build_registry(registry_config()), WEB)
    assert api.held("ex.com") == [f"a-web TXT 60 {heritage('web')}", "web A 60 1.1.1.1"], "now they are ours to delete"


def test_transfer_rewrites_the_ownership_records_of_what_is_wanted() -> None:
    old = [heritage(name, "old") for name in ("web", "db")]
    api = zone("web A 60 1.1.1.1", f"a-web TXT 60 {old[0]}", "db A 60 2.2.2.2", f"a-db TXT 60 {old[1]}")
    good, told = command(api, "transfer --from-owner=old --apply", [WEB])
    assert good
    assert told[:2] == [
        "take web.ex.com A 1.1.1.1: service/shop/web asks for it, 'old' hands it over",
        "leave db.ex.com A 2.2.2.2: no object asks for it",
    ]
    assert api.calls == [f"update 2 a-web TXT {heritage('web')} 60"]


def test_from_txt_records_to_remarks() -> None:
    api = zone(
        "web A 60 1.1.1.1", f"a-web TXT 60 {heritage('web')}", "db A 60 2.2.2.2", f"a-db TXT 60 {heritage('db', 'x')}"
    )
    good, told = command(api, "adopt --apply", [WEB, DB], "remark")
    assert good
    assert told[1] == "leave db.ex.com A 2.2.2.2: 'x' owns it", "what a TXT record says counts"
    assert api.calls == ["remark 1 externaldns,me,service,shop,web"]
    assert run(api, build_registry(registry_config("--registry=remark")), WEB) == ()


def test_from_one_owners_remarks_to_anothers() -> None:
    api = MemoryApi("ex.com")
    run(api, build_registry(registry_config("--registry=remark", "--txt-owner-id=old")), WEB, DB)
    api.calls.clear()
    command(api, "transfer --from-owner=old --apply", [WEB], "remark")
    [web] = [row for row in api.rows["id-ex.com"] if row.rr == "web"]
    assert api.calls == [f"remark {web.record_id} externaldns,me,service,shop,web"]


def test_what_fails_is_told_and_the_rest_is_done() -> None:
    api = zone("web A 60 1.1.1.1", "db A 60 2.2.2.2")
    api.before = fail("Zone.NotExists", "add a-db")
    good, told = command(api, "adopt --apply", [WEB, DB])
    assert not good
    assert told[-2].startswith("db.ex.com: ")
    assert told[-1] == "1 names done, 1 failed"
    assert f"a-web TXT 60 {heritage('web')}" in api.held("ex.com")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("transfer", "--from-owner: is required"),
        ("transfer --from-owner=", "--from-owner: is required"),
        ("adopt --from-owner=x", "adopt takes what nobody owns; write externaldns transfer"),
    ],
)
def test_a_wrong_command_line_is_told(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_request(line.split())
    assert message in str(caught.value)


def test_the_rest_of_the_line_is_the_controllers() -> None:
    request, rest = read_request(["transfer", "--from-owner=a=b", "--source=service", "--apply", "--dry-run"])
    assert (request.giver, request.apply, request.any_value) == ("a=b", True, False)
    assert rest == ["--policy=create-only", "--source=service", "--dry-run"]


@pytest.mark.parametrize(
    ("arguments", "giver", "message"),
    [(["--registry=noop"], "x", "--registry=noop: has no owners"), ([], "me", "'me' is --txt-owner-id already")],
)
def test_a_registry_that_can_take_nothing_is_told(arguments: list[str], giver: str, message: str) -> None:
    request, _ = read_request(["transfer", f"--from-owner={giver}"])
    with pytest.raises(ConfigError) as caught:
        build_taking_registry(registry_config(*arguments), request)
    assert message in str(caught.value)
