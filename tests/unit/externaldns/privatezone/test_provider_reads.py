"""What the provider reads, with the API in memory: record sets, zones, pages, and zones that can't be read."""

from __future__ import annotations

import pytest

from externaldns.domain_filter import DomainFilter
from externaldns.providers.privatezone.api import Page
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail
from tests.unit.externaldns.privatezone.provider_runs import change, provider_of, read, record


def test_rows_become_record_sets() -> None:
    api = MemoryApi("ex.com", "int.ex.com")
    api.hold("ex.com", "web A 60 2.2.2.2", "web A 60 1.1.1.1", "web AAAA 5 FD00:0::1", "@ A 60 9.9.9.9")
    api.hold("ex.com", "* CNAME 300 LB.ex.com.", 'a-web TXT 60 "heritage=x"', "a.b A 60 1.1.1.1")
    api.hold("int.ex.com", "Web A 60 3.3.3.3")
    snapshot = read(api)
    assert snapshot.zones == ("ex.com", "int.ex.com")
    assert {f"{each.dns_name} {each.record_type} {','.join(each.targets)} {each.ttl}" for each in snapshot.records} == {
        "web.ex.com A 1.1.1.1,2.2.2.2 60",
        "web.ex.com AAAA fd00::1 5",
        "ex.com A 9.9.9.9 60",
        "*.ex.com CNAME lb.ex.com 60",
        'a-web.ex.com TXT "heritage=x" 60',
        "a.b.ex.com A 1.1.1.1 60",
        "web.int.ex.com A 3.3.3.3 60",
    }


def test_rows_that_disagree_about_their_ttl_look_like_no_ttl_that_anyone_wants() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1", "web A 5 2.2.2.2")
    [found] = read(api).records
    assert found.ttl == 0


@pytest.mark.parametrize(
    ("choice", "zones"),
    [
        (ZoneChoice(), ("ex.com", "int.ex.com", "ex.net")),
        (ZoneChoice(vpc_id="vpc-1"), ("ex.com", "int.ex.com", "ex.net")),
        (ZoneChoice(vpc_id="vpc-2"), ()),
        (ZoneChoice(zone_ids=("int.ex.com", "id-ex.net")), ("int.ex.com", "ex.net")),
        (ZoneChoice(domains=DomainFilter(("ex.net",))), ("ex.net",)),
        (ZoneChoice(domains=DomainFilter(("web.ex.com",))), ("ex.com",)),
    ],
)
def test_zones_are_chosen_by_vpc_id_and_domain(choice: ZoneChoice, zones: tuple[str, ...]) -> None:
    api = MemoryApi("ex.com", "int.ex.com", "ex.net")
    assert set(read(api, choice).zones) == set(zones)
    assert {line for line in api.reads if line.startswith("rows")} == {f"rows id-{zone} 1" for zone in zones}


def test_zones_of_cloud_products_are_left_alone() -> None:
    api = MemoryApi("ex.com")
    api.add_empty_zone("product.ex.com", "vpc-1", type="CLOUD_PRODUCT_ZONE")
    assert read(api).zones == ("ex.com",)


def test_two_zones_of_one_name_are_refused_with_what_to_do() -> None:
    api = MemoryApi("ex.com")
    api.add_empty_zone("ex.com", "vpc-1", zone_id="id-2")
    with pytest.raises(
        PrivateZoneError, match=r"two zones are called ex\.com: id-ex\.com and id-2; .*--zone-id-filter"
    ):
        read(api)


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (99, 1), (100, 1), (101, 2), (250, 3)])
def test_all_pages_are_read(rows: int, pages: int) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *(f"h{number} A 60 1.1.1.1" for number in range(rows)))
    assert len(read(api).records) == rows
    assert [line for line in api.reads if line.startswith("rows")] == [
        f"rows id-ex.com {page}" for page in range(1, pages + 1)
    ]


def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", *(f"h{number} A 60 1.1.1.1" for number in range(150)))

    def drop_first(line: str) -> None:
        if len(api.reads) == 3:  # zones, first page, and now the second page
            del api.rows["id-ex.com"][0]

    api.before_read = drop_first
    assert len(read(api).records) == 149


def test_a_list_that_never_comes_to_rest_is_an_error() -> None:
    total = 0

    async def page(number: int) -> Page[int]:
        nonlocal total
        total += 1
        return Page((total,), 2 + total % 2)

    with pytest.raises(PrivateZoneError, match="keeps changing"):
        virtual_time.run(list_all(page))


def test_a_zone_that_cannot_be_read_is_in_no_other_ones_way() -> None:
    api = MemoryApi("ex.com", "sub.ex.com")
    api.hold("ex.com", "web A 60 192.0.2.1")
    api.before_read = fail("Forbidden.RAM", "rows id-sub.ex.com", status=403)
    with provider_of(api) as provider:
        snapshot = virtual_time.run(provider.read())
        assert [each.dns_name for each in snapshot.records] == ["web.ex.com"]
        assert (sorted(snapshot.zones), list(snapshot.unread)) == (["ex.com", "sub.ex.com"], ["sub.ex.com"])
        with pytest.raises(PrivateZoneError, match=r"Forbidden\.RAM"):
            snapshot.require_whole()
        # Its names do not go into the zone above.
        [result] = virtual_time.run(provider.apply([change(None, record("web.sub.ex.com", "A", "192.0.2.1"))]))
        assert "no zone that is managed here holds web.sub.ex.com" in str(result.error)
    assert api.calls == []


def test_where_no_zone_can_be_read_that_is_the_error() -> None:
    api = MemoryApi("ex.com", "ex.net")
    api.before_read = fail("Forbidden.RAM", "rows", status=403)
    with pytest.raises(PrivateZoneError, match=r"Forbidden\.RAM"):
        read(api)


def test_a_name_in_doubt_that_can_not_be_read_again_stands_in_for_its_zone_alone() -> None:
    api = MemoryApi("ex.com", "ex.net")

    async def body(provider: PrivateZoneProvider) -> None:
        await provider.read()
        api.before = fail("System.Busy", "add")
        await provider.apply([change(None, record("web.ex.com", "A", "192.0.2.1"))])
        api.before_read = fail("System.Busy", "rows id-ex.com")
        snapshot = await provider.look(["web.ex.com", "web.ex.net"])
        assert snapshot.unread.keys() == {"ex.com"}
        api.before_read = api.before = lambda line: None
        assert (await provider.look(["web.ex.com"])).unread == {}

    with provider_of(api) as provider:
        virtual_time.run(body(provider))


def test_a_name_that_may_not_be_asked_for_does_not_hold_up_its_zone() -> None:
    api = MemoryApi("ex.com")

    async def body(provider: PrivateZoneProvider) -> None:
        await provider.read()
        api.before = fail("Record.Invalid.Rr", "add")
        await provider.apply([change(None, record("b!d.ex.com", "A", "192.0.2.1"))])
        api.before_read = fail("InvalidKeyword", "b!d")
        assert (await provider.read()).unread == {}

    with provider_of(api) as provider:
        virtual_time.run(body(provider))


def test_adjusting_gives_every_record_the_ttl_that_it_will_have() -> None:
    with provider_of(MemoryApi()) as provider:
        wanted = [record("w", "A", "1.1.1.1", ttl=ttl) for ttl in (None, 1, 300)]
        assert [each.ttl for each in virtual_time.run(provider.adjust(wanted))] == [60, 5, 60]
