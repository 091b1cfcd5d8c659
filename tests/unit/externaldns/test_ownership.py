"""TXT ownership: names and values as ExternalDNS writes them, and the order of writes."""

from __future__ import annotations

import pytest

from clusterdns.errors import ConfigError
from externaldns import ownership_value
from externaldns.changes import Changes, NameChange, RecordChange
from externaldns.domain_filter import Zones
from externaldns.ownership import NoRegistry, TxtRegistry, View
from externaldns.ownership_names import OwnershipNames
from externaldns.plan import Scope, Skipped
from externaldns.record import RECORD_TYPES, Endpoint

ZONE = "ex.com"


@pytest.mark.parametrize(
    ("names", "dns_name", "record_type", "expected"),
    [
        (OwnershipNames(), "foo.ex.com", "A", "a-foo.ex.com"),
        (OwnershipNames(), "foo.bar.ex.com", "CNAME", "cname-foo.bar.ex.com"),
        (OwnershipNames(), "ex.com", "A", "a-_apex.ex.com"),
        (OwnershipNames(), "*.ex.com", "A", "a-_wildcard.ex.com"),
        (OwnershipNames(wildcard_replacement="any"), "*.ex.com", "A", "a-any.ex.com"),
        (OwnershipNames(prefix="x."), "foo.ex.com", "A", "x.a-foo.ex.com"),
        (OwnershipNames(prefix="x."), "ex.com", "AAAA", "x.aaaa-_apex.ex.com"),
        (OwnershipNames(prefix="X-"), "foo.ex.com", "A", "x-a-foo.ex.com"),
        (OwnershipNames(prefix="x-%{record_type}."), "foo.ex.com", "A", "x-a.foo.ex.com"),
        # With such a prefix ExternalDNS's own name of the apex is inside the zone, and stays.
        (OwnershipNames(prefix="x-%{record_type}."), "ex.com", "A", "x-a.ex.com"),
        (OwnershipNames(suffix="-x"), "foo.ex.com", "A", "a-foo-x.ex.com"),
        (OwnershipNames(suffix="-x"), "ex.com", "A", "a-_apex-x.ex.com"),
        (OwnershipNames(suffix="-%{record_type}-x"), "foo.ex.com", "AAAA", "foo-aaaa-x.ex.com"),
    ],
)
def test_ownership_names(names: OwnershipNames, dns_name: str, record_type: str, expected: str) -> None:
    assert names.name(dns_name, record_type, ZONE) == expected
    assert names.readable(dns_name, record_type, ZONE)[0] == expected


@pytest.mark.parametrize("dns_name", ["foo.ex.com", "a-foo.ex.com", "foo.bar.ex.com", "ex.com", "*.ex.com"])
@pytest.mark.parametrize(
    "names",
    [
        OwnershipNames(),
        OwnershipNames(prefix="x."),
        OwnershipNames(prefix="x-"),
        OwnershipNames(prefix="x.y-"),
        OwnershipNames(prefix="%{record_type}-own."),
        OwnershipNames(suffix="-x"),
        OwnershipNames(suffix="-%{record_type}"),
        OwnershipNames(wildcard_replacement="any"),
    ],
)
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_an_ownership_name_lies_in_the_zone_and_gives_the_type_back(
    names: OwnershipNames, dns_name: str, record_type: str
) -> None:
    name = names.name(dns_name, record_type, ZONE)
    assert name.endswith(f".{ZONE}")
    assert names.record_type(name) == record_type


@pytest.mark.parametrize(
    ("names", "ownership_name"),
    [
        (OwnershipNames(), "foo.ex.com"),
        (OwnershipNames(), "web-foo.ex.com"),
        (OwnershipNames(prefix="x."), "a-foo.ex.com"),
        (OwnershipNames(suffix="-x"), "a-foo.ex.com"),
        (OwnershipNames(suffix="-%{record_type}"), "web-apple.ex.com"),
    ],
)
def test_a_name_of_another_form_gives_no_type(names: OwnershipNames, ownership_name: str) -> None:
    assert names.record_type(ownership_name) == ""


@pytest.mark.parametrize(
    ("names", "dns_name", "record_type", "written_by_externaldns"),
    [
        (OwnershipNames(), "foo.ex.com", "A", "foo.ex.com"),
        (OwnershipNames(prefix="x."), "foo.ex.com", "CNAME", "x.foo.ex.com"),
        (OwnershipNames(prefix="x-%{record_type}."), "foo.ex.com", "A", "x.foo.ex.com"),
        (OwnershipNames(), "ex.com", "A", "a-ex.com"),
    ],
)
def test_older_names_are_read_too(
    names: OwnershipNames, dns_name: str, record_type: str, written_by_externaldns: str
) -> None:
    assert written_by_externaldns in names.readable(dns_name, record_type, ZONE)


def test_externaldns_never_had_aaaa_records_under_a_name_without_type() -> None:
    assert "foo.ex.com" not in OwnershipNames().readable("foo.ex.com", "AAAA", ZONE)


def test_prefix_and_suffix_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        OwnershipNames(prefix="a", suffix="b")


LABELS = {"owner": "me", "resource": "service/shop/web"}
WRITTEN = '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"'


def test_the_value_is_externaldnss_to_the_letter() -> None:
    assert ownership_value.write(LABELS) == WRITTEN


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (WRITTEN, LABELS),
        (WRITTEN.strip('"'), LABELS),
        (WRITTEN.replace(",", ";"), LABELS),
        (WRITTEN.strip('"').replace(",", ";"), LABELS),
        (f" {WRITTEN} ", LABELS),
        ('"heritage=external-dns,external-dns/owner=me"', {"owner": "me"}),
        ('"heritage=external-dns"', {}),
        ('"heritage=external-dns,other=x,external-dns/owner=me"', {"owner": "me"}),
        ('"external-dns/owner=me,heritage=external-dns"', {"owner": "me"}),
        ('"heritage=other-dns,external-dns/owner=me"', None),
        ('"v=spf1 -all"', None),
        ('"heritage="', None),
        ("", None),
    ],
)
def test_values_are_read_quoted_or_not_with_commas_or_semicolons(text: str, labels: dict[str, str] | None) -> None:
    assert ownership_value.read(text) == labels


def data(name: str, record_type: str = "A", target: str = "1.1.1.1", resource: str = "service/shop/web") -> Endpoint:
    return Endpoint(name, (target,), record_type, labels={"resource": resource})


def txt(name: str, owner: str = "me", resource: str = "service/shop/web", *others: str) -> Endpoint:
    return Endpoint(name, (ownership_value.write({"owner": owner, "resource": resource}), *others), "TXT")


def view_of(*records: Endpoint) -> View:
    return TxtRegistry("me").read(records, Zones([ZONE]).find)


def told(changes: tuple[NameChange, ...]) -> dict[str, list[str]]:
    return {
        change.name: [f"{step.verb} {step.endpoint.dns_name} {step.endpoint.record_type}" for step in change.steps]
        for change in changes
    }


def test_reading_gives_records_their_owners_and_takes_ownership_records_out() -> None:
    plain = Endpoint("text.ex.com", ('"hello"',), "TXT")
    view = view_of(data("web.ex.com"), txt("a-web.ex.com"), data("db.ex.com"), txt("a-db.ex.com", "other"), plain)
    assert [(record.dns_name, record.record_type, record.owner) for record in view.endpoints] == [
        ("web.ex.com", "A", "me"),
        ("db.ex.com", "A", "other"),
        ("text.ex.com", "TXT", ""),
    ]


def test_two_owners_at_one_name_make_the_record_the_other_ones() -> None:
    both = Endpoint("a-web.ex.com", (*txt("").targets, *txt("", "other").targets), "TXT")
    assert [record.owner for record in view_of(data("web.ex.com"), both).endpoints] == ["other"]


@pytest.mark.parametrize(
    ("held", "changes", "expected"),
    [
        pytest.param(
            [],
            Changes(create=(data("web.ex.com"),)),
            {"web.ex.com": ["create a-web.ex.com TXT", "create web.ex.com A"]},
            id="create: ownership first",
        ),
        pytest.param(
            [data("web.ex.com"), txt("a-web.ex.com")],
            Changes(delete=(data("web.ex.com"),)),
            {"web.ex.com": ["delete web.ex.com A", "delete a-web.ex.com TXT"]},
            id="delete: ownership last",
        ),
        pytest.param(
            [data("web.ex.com"), txt("a-web.ex.com")],
            Changes(
                create=(data("web.ex.com", "CNAME", "lb.ex.com"),),
                delete=(data("web.ex.com"),),
            ),
            {
                "web.ex.com": [
                    "create cname-web.ex.com TXT",
                    "delete web.ex.com A",
                    "create web.ex.com CNAME",
                    "delete a-web.ex.com TXT",
                ]
            },
            id="type: deletion and creation right after each other",
        ),
        pytest.param(
            [data("web.ex.com"), txt("a-web.ex.com")],
            Changes(update=((data("web.ex.com"), data("web.ex.com", target="2.2.2.2").with_label("owner", "me")),)),
            {"web.ex.com": ["update web.ex.com A"]},
            id="update: the ownership record is right already",
        ),
        pytest.param(
            [data("web.ex.com"), txt("a-web.ex.com")],
            Changes(update=((data("web.ex.com"), data("web.ex.com", resource="service/b").with_label("owner", "me")),)),
            {"web.ex.com": ["update web.ex.com A", "update a-web.ex.com TXT"]},
            id="update: another object's now",
        ),
        pytest.param(
            [txt("a-web.ex.com")],
            Changes(create=(data("web.ex.com"),)),
            {"web.ex.com": ["create web.ex.com A"]},
            id="create: an earlier run got as far as the ownership record",
        ),
        pytest.param(
            [data("web.ex.com"), txt("web.ex.com")],
            Changes(delete=(data("web.ex.com"),)),
            {"web.ex.com": ["delete web.ex.com A", "delete web.ex.com TXT"]},
            id="delete: ownership record of the older form",
        ),
        pytest.param(
            [data("web.ex.com"), data("web.ex.com", "MX", "10 mail.ex.com"), txt("web.ex.com")],
            Changes(delete=(data("web.ex.com"),)),
            {"web.ex.com": ["delete web.ex.com A"]},
            id="delete: the older form is another record's too",
        ),
        pytest.param(
            [],
            Changes(create=(data("b.ex.com"), data("a.ex.com"))),
            {
                "a.ex.com": ["create a-a.ex.com TXT", "create a.ex.com A"],
                "b.ex.com": ["create a-b.ex.com TXT", "create b.ex.com A"],
            },
            id="names are apart, and sorted",
        ),
    ],
)
def test_writing(held: list[Endpoint], changes: Changes, expected: dict[str, list[str]]) -> None:
    assert told(view_of(*held).attach(changes).changes) == expected


def test_a_created_record_and_its_ownership_record_carry_owner_and_resource() -> None:
    [change] = view_of().attach(Changes(create=(data("web.ex.com"),))).changes
    ownership, record = (step.endpoint for step in change.steps)
    assert ownership.targets == (WRITTEN,)
    assert dict(record.labels) == LABELS


def test_nothing_is_created_where_another_owners_ownership_record_stands() -> None:
    attached = view_of(txt("a-web.ex.com", "other")).attach(Changes(create=(data("web.ex.com"),)))
    assert attached.changes == ()
    assert attached.skipped == (Skipped("web.ex.com", "A", "other"),)


def test_a_type_that_cannot_be_created_leaves_the_one_that_is_there() -> None:
    """The guard lets a change of type pass, because the name stays; so it has to."""
    change = Changes(create=(data("web.ex.com", "CNAME", "lb.ex.com"),), delete=(data("web.ex.com"),))
    attached = view_of(data("web.ex.com"), txt("a-web.ex.com"), txt("cname-web.ex.com", "other")).attach(change)
    assert attached.changes == ()
    assert attached.skipped == (Skipped("web.ex.com", "CNAME", "other"),)


def test_somebody_elses_text_beside_ours_stays() -> None:
    held = txt("a-web.ex.com", "me", "service/shop/web", '"hello"')
    [change] = view_of(data("web.ex.com"), held).attach(Changes(delete=(data("web.ex.com"),))).changes
    assert [(step.verb, step.endpoint.targets) for step in change.steps] == [
        ("delete", ("1.1.1.1",)),
        ("update", ('"hello"',)),
    ]


SWEEP = Scope(owner_id="me")


@pytest.mark.parametrize(
    ("held", "swept"),
    [
        pytest.param([txt("a-web.ex.com")], ["a-web.ex.com"], id="ours, its record is gone"),
        pytest.param([data("web.ex.com"), txt("a-web.ex.com")], [], id="its record is there"),
        pytest.param([data("*.ex.com"), txt("a-_wildcard.ex.com")], [], id="of a wildcard"),
        pytest.param([data("ex.com"), txt("a-_apex.ex.com")], [], id="of the apex"),
        pytest.param([txt("a-web.ex.com", "other")], [], id="another owner's"),
        pytest.param([txt("mx-web.ex.com")], [], id="of a type that is not managed"),
        pytest.param([txt("web.ex.com")], [], id="of the older form"),
        pytest.param([data("web.ex.com"), txt("web.ex.com")], [], id="of the older form, with its record"),
    ],
)
def test_sweeping_removes_our_ownership_records_without_record(held: list[Endpoint], swept: list[str]) -> None:
    attached = view_of(*held).attach(Changes(), sweep=SWEEP)
    assert told(attached.changes) == {name: [f"delete {name} TXT"] for name in swept}
    assert view_of(*held).attach(Changes()).changes == (), "only on request"


def test_sweeping_keeps_to_its_scope_and_leaves_what_is_just_being_claimed() -> None:
    outside = Scope(owner_id="me", includes=lambda name: name != "a-web.ex.com")
    assert view_of(txt("a-web.ex.com")).attach(Changes(), sweep=outside).changes == ()
    claimed = view_of(txt("a-web.ex.com")).attach(Changes(create=(data("web.ex.com"),)), sweep=SWEEP)
    assert told(claimed.changes) == {"web.ex.com": ["create web.ex.com A"]}


def test_a_deleted_records_ownership_record_is_deleted_once() -> None:
    view = view_of(data("web.ex.com"), txt("a-web.ex.com"))
    attached = view.attach(Changes(delete=(data("web.ex.com"),)), sweep=SWEEP)
    assert told(attached.changes) == {"web.ex.com": ["delete web.ex.com A", "delete a-web.ex.com TXT"]}


def test_without_registry_there_are_the_records_alone() -> None:
    old, new = data("web.ex.com"), data("web.ex.com", "CNAME", "lb.ex.com")
    view = NoRegistry().read([old], Zones([ZONE]).find)
    assert view.endpoints == (old,)
    assert view.attach(Changes(create=(new,), delete=(old,))).changes == (
        NameChange("web.ex.com", (RecordChange(old, None), RecordChange(None, new))),
    )
