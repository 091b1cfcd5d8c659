"""What the provider writes, with the API in memory: which calls are made in which order, and what fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clusterdns.errors import ClusterDNSError
from externaldns.changes import NameChange, RecordChange
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.failure import UNREACHABLE
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail, lost_answer
from tests.unit.externaldns.privatezone.provider_runs import apply, change, create, provider_of, record


def test_creating_goes_into_the_longest_zone() -> None:
    api = MemoryApi("ex.com", "int.ex.com")
    results = apply(
        api, create("web.int.ex.com", "1.1.1.1"), create("int.ex.com", "2.2.2.2"), create("*.ex.com", "3.3.3.3")
    )
    assert [result.error for result in results] == [None, None, None]
    assert api.held("int.ex.com") == ["@ A 60 2.2.2.2", "web A 60 1.1.1.1"]
    assert api.held("ex.com") == ["* A 60 3.3.3.3"]


def test_a_type_change_is_delete_then_add_next_to_each_other() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    steps = (
        RecordChange(None, record("cname-web.ex.com", "TXT", '"x"')),
        RecordChange(record("web.ex.com", "A", "1.1.1.1"), None),
        RecordChange(None, record("web.ex.com", "CNAME", "lb.ex.com", ttl=5)),
    )
    [result] = apply(api, NameChange("web.ex.com", steps))
    assert result.error is None
    assert api.calls == ['add cname-web TXT "x" 60', "delete 1", "add web CNAME lb.ex.com 5"]


def test_a_failed_step_ends_its_name_and_no_other() -> None:
    api = MemoryApi("ex.com")
    api.before = fail("Record.Invalid.Value", "bad")
    steps = (
        RecordChange(None, record("bad.ex.com", "TXT", '"x"')),
        RecordChange(None, record("b.ex.com", "A", "1.1.1.1")),
    )
    results = apply(api, NameChange("b.ex.com", steps), create("web.ex.com", "1.1.1.1"))
    assert [str(result.error) if result.error else None for result in results] == [
        "PrivateZone call: Record.Invalid.Value: fails as told",
        None,
    ]
    assert api.held("ex.com") == ["web A 60 1.1.1.1"]


def test_a_name_outside_all_zones_is_that_names_error() -> None:
    results = apply(MemoryApi("ex.com"), create("web.ex.net", "1.1.1.1"), create("web.ex.com", "1.1.1.1"))
    assert [result.error is None for result in results] == [False, True]
    assert "no zone that is managed here holds web.ex.net" in str(results[0].error)


def test_a_surprise_is_that_names_error_too(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("ex.com")

    def surprise(line: str) -> None:
        if "bad" in line:
            raise RuntimeError("surprise")

    api.before = surprise
    results = apply(api, create("bad.ex.com", "1.1.1.1"), create("web.ex.com", "1.1.1.1"))
    assert [type(result.error) for result in results] == [RuntimeError, type(None)]
    assert "unexpected error while changing bad.ex.com" in caplog.text


@pytest.mark.parametrize(
    ("code", "failures", "status", "tries", "succeeds"),
    [
        ("Throttling.User", 1, 400, 2, True),
        ("Throttling", 4, 400, 5, True),
        ("Throttling.User", 30, 400, 31, True),
        ("InternalError", 99, 500, 5, False),
        ("System.Busy", 2, 400, 3, True),
        ("ServiceUnavailable", 1, 503, 2, True),
        ("Whatever", 1, 500, 2, True),
        (UNREACHABLE, 1, 0, 2, True),
        ("Zone.NotExists", 1, 400, 1, False),
        ("InvalidAccessKeyId.NotFound", 1, 404, 1, False),
    ],
)
def test_only_what_can_get_better_is_tried_again(
    code: str, failures: int, status: int, tries: int, succeeds: bool
) -> None:
    api = MemoryApi("ex.com")
    api.before = fail(code, failures, status=status)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert (result.error is None) is succeeds
    assert len(api.calls) == tries
    assert len(set(api.tokens)) == 1, "the retries of a call carry its token"
    if isinstance(result.error, ClusterDNSError):
        assert result.error.retryable is (tries == 5)


def test_every_call_has_a_token_of_its_own() -> None:
    api = MemoryApi("ex.com")
    apply(api, create("web.ex.com", "1.1.1.1", "2.2.2.2"))
    assert len(set(api.tokens)) == len(api.tokens) == 2
    assert all(token.isascii() and 0 < len(token) <= 64 for token in api.tokens)


def test_an_answer_lost_on_the_way_does_not_double_or_fail_an_addition() -> None:
    api = MemoryApi("ex.com")
    api.after = lost_answer(1)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert result.error is None
    assert api.held("ex.com") == ["web A 60 1.1.1.1"]


def test_an_answer_lost_on_the_way_does_not_fail_a_deletion() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    api.after = lost_answer(1)
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert result.error is None
    assert api.held("ex.com") == []


def test_a_deletion_that_is_refused_while_the_row_is_there_is_an_error() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1")
    api.before = fail("Forbidden.RAM", "delete", status=403)
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert "Forbidden.RAM" in str(result.error)


def appear(api: MemoryApi, line: str) -> Callable[[str], None]:
    """A hook: somebody else puts `line` into ex.com between our read and our first write."""

    def hook(call: str) -> None:
        if len(api.calls) == 1:
            api.hold("ex.com", line)

    return hook


@pytest.mark.parametrize(
    ("appears", "held", "succeeds"),
    [
        ("web A 60 1.1.1.1", ["web A 60 1.1.1.1"], True),
        ("web A 5 1.1.1.1", ["web A 60 1.1.1.1"], True),
        ("web CNAME 60 lb.ex.com", ["web CNAME 60 lb.ex.com"], False),
    ],
)
def test_a_conflict_with_an_identical_row_is_success(appears: str, held: list[str], succeeds: bool) -> None:
    api = MemoryApi("ex.com")
    api.before = appear(api, appears)
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert (result.error is None) is succeeds
    assert api.held("ex.com") == held


def test_a_dry_run_makes_no_writing_call(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "old A 60 1.1.1.1", "web A 60 1.1.1.1")
    before = api.held("ex.com")
    changes = [
        create("new.ex.com", "1.1.1.1"),
        change(record("web.ex.com", "A", "1.1.1.1"), record("web.ex.com", "A", "2.2.2.2", ttl=5)),
        change(record("old.ex.com", "A", "1.1.1.1"), None),
    ]
    with caplog.at_level("INFO"):
        results = apply(api, *changes, dry_run=True)
    assert api.calls == []
    assert api.held("ex.com") == before
    assert [result.error for result in results] == [None, None, None]
    assert {message.split(":")[1].split()[0] for message in caplog.messages} == {"add", "update", "delete"}


def test_calls_keep_to_the_quota() -> None:
    api = MemoryApi("ex.com")
    moments: list[float] = []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        api.before = lambda line: moments.append(loop.time())
        with provider_of(api) as provider:
            await provider.read()
            await provider.apply([create(f"h{number}.ex.com", "1.1.1.1") for number in range(45)])

    virtual_time.run(body())
    moments.sort()
    assert len(moments) == 45
    # In no second more than the 20 that the API has been known to allow.
    assert all(later - earlier >= 1.0 - 1e-6 for earlier, later in zip(moments, moments[20:], strict=False))


def test_rows_of_other_lines_are_other_sets() -> None:
    api = MemoryApi("ex.com")
    api.hold_row("ex.com", Row(0, "web", "A", "1.1.1.1", 60, line="other"))
    [result] = apply(api, create("web.ex.com", "1.1.1.1"))
    assert result.error is None
    assert api.held("ex.com") == ["web A 60 1.1.1.1", "web A 60 1.1.1.1"]
    [result] = apply(api, change(record("web.ex.com", "A", "1.1.1.1"), None))
    assert [row.line for row in api.rows["id-ex.com"]] == ["other"]


def test_an_identical_row_with_another_remark_is_somebody_elses() -> None:
    api = MemoryApi("ex.com")

    def hook(call: str) -> None:
        if len(api.calls) == 1:
            api.hold_row("ex.com", Row(0, "web", "A", "1.1.1.1", 60, remark="them"))

    api.before = hook
    wanted = Endpoint("web.ex.com", ("1.1.1.1",), "A", remarks={"1.1.1.1": "us"})
    [result] = apply(api, change(None, wanted))
    assert "Record.Invalid.Conflict" in str(result.error)
    assert [row.remark for row in api.rows["id-ex.com"]] == ["them"]
