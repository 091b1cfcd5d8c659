"""Every form of ownership record that ExternalDNS writes or has written: its zone is taken over as it is."""

from __future__ import annotations

import base64
import gzip

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from externaldns.ownership import TxtRegistry
from externaldns.ownership_codec import OwnershipCodec
from externaldns.ownership_names import OwnershipNames
from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.ownership_run import run, wanted

KEY = b"a key that has thirty-two bytes."
TEXT = "heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/web"


def sealed(plain: str = TEXT, nonce: bytes = b"twelve bytes") -> str:
    """The text as ExternalDNS encrypts it."""
    return base64.b64encode(nonce + AESGCM(KEY).encrypt(nonce, gzip.compress(plain.encode(), mtime=0), None)).decode()


ROWS = {
    "plain": ("web A 1.1.1.1", f'a-web "{TEXT}"', {}),
    "without quotes": ("web A 1.1.1.1", f"a-web {TEXT}", {}),
    "semicolons": ("web A 1.1.1.1", f"a-web {TEXT.replace(',', ';')}", {}),
    "before v0.18": ("web A 1.1.1.1", f'web "{TEXT}"', {}),
    "AAAA": ("web AAAA fd00::1", f'aaaa-web "{TEXT}"', {}),
    "CNAME": ("web CNAME lb.ex.net", f'cname-web "{TEXT}"', {}),
    "many labels": ("a.b.c A 1.1.1.1", f'a-a.b.c "{TEXT}"', {}),
    "prefix": ("web A 1.1.1.1", f'edns-a-web "{TEXT}"', {"prefix": "edns-"}),
    "prefix in upper case": ("web A 1.1.1.1", f'Edns-A-Web "{TEXT}"', {"prefix": "EDNS-"}),
    "prefix of its own level": ("web A 1.1.1.1", f'x.a-web "{TEXT}"', {"prefix": "x."}),
    "prefix, before v0.18": ("web A 1.1.1.1", f'x.web "{TEXT}"', {"prefix": "x."}),
    "prefix with type": ("web CNAME lb.ex.net", f'x-cname.web "{TEXT}"', {"prefix": "x-%{record_type}."}),
    "suffix": ("web A 1.1.1.1", f'a-web-x "{TEXT}"', {"suffix": "-x"}),
    "suffix with type": ("web AAAA fd00::1", f'web-aaaa-x "{TEXT}"', {"suffix": "-%{record_type}-x"}),
    "wildcard": ("* A 1.1.1.1", f'a-any "{TEXT}"', {"wildcard_replacement": "any"}),
    "wildcard and prefix": ("*.sub A 1.1.1.1", f'x.a-any.sub "{TEXT}"',
                            {"prefix": "x.", "wildcard_replacement": "any"}),
    "apex inside the zone": ("@ A 1.1.1.1", f'x-a "{TEXT}"', {"prefix": "x-%{record_type}."}),
    "encrypted": ("web A 1.1.1.1", f'a-web "{sealed()}"', {}),
    "encrypted, without quotes": ("web A 1.1.1.1", f"a-web {sealed()}", {}),
    "no resource, as of pods": ("web A 1.1.1.1", 'a-web "heritage=external-dns,external-dns/owner=me"', {}),
}  # fmt: skip


def zone_of(data: str, ownership: str) -> MemoryApi:
    rr, record_type, value = data.split()
    name, _, text = ownership.partition(" ")
    api = MemoryApi("ex.com")
    api.hold("ex.com", f"{rr} {record_type} 60 {value}", f"{name} TXT 60 {text}", "other A 60 9.9.9.9")
    return api


@pytest.mark.parametrize(("data", "ownership", "names"), ROWS.values(), ids=ROWS)
def test_nothing_is_rewritten_and_what_goes_takes_its_ownership_record_along(
    data: str, ownership: str, names: dict[str, str]
) -> None:
    api = zone_of(data, ownership)
    registry = TxtRegistry("me", OwnershipNames(**names), OwnershipCodec(KEY))
    rr, record_type, value = data.split()
    wish = wanted("ex.com" if rr == "@" else f"{rr}.ex.com", value, record_type=record_type)
    assert run(api, registry, wish) == ()
    assert api.calls == []
    run(api, registry)
    assert api.held("ex.com") == ["other A 60 9.9.9.9"]


@pytest.mark.parametrize(("data", "ownership", "names"), ROWS.values(), ids=ROWS)
def test_a_record_of_another_owner_is_not_touched(data: str, ownership: str, names: dict[str, str]) -> None:
    sealed_text = sealed() in ownership
    other = (
        ownership.replace(sealed(), sealed(TEXT.replace("=me", "=you")))
        if sealed_text
        else ownership.replace("=me", "=you")
    )
    api = zone_of(data, other)
    registry = TxtRegistry("me", OwnershipNames(**names), OwnershipCodec(KEY))
    rr, record_type, value = data.split()
    wish = wanted("ex.com" if rr == "@" else f"{rr}.ex.com", "8.8.8.8" if record_type == "A" else value,
                  record_type=record_type)  # fmt: skip
    assert run(api, registry, wish) == run(api, registry) == ()
    assert api.calls == []


def test_a_change_keeps_the_ownership_record_as_it_is() -> None:
    api = zone_of("web A 1.1.1.1", f'a-web "{sealed()}"')
    run(api, TxtRegistry("me", codec=OwnershipCodec(KEY)), wanted("web.ex.com", "2.2.2.2"))
    assert api.calls == ["update 1 web A 2.2.2.2 60"]


def test_what_is_new_is_encrypted() -> None:
    api = MemoryApi("ex.com")
    registry = TxtRegistry("me", codec=OwnershipCodec(KEY))
    run(api, registry, wanted("web.ex.com", "1.1.1.1"))
    [text] = [row.value for row in api.rows["id-ex.com"] if row.type == "TXT"]
    assert "heritage" not in text
    assert OwnershipCodec(KEY).read(text) == {"owner": "me", "resource": "service/shop/web"}
    assert run(api, registry, wanted("web.ex.com", "1.1.1.1")) == ()


def test_another_owner_hands_over_what_is_wanted_and_keeps_the_rest() -> None:
    text = f'"{TEXT.replace("=me", "=old")}"'
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 1.1.1.1", f"a-web TXT 60 {text}", "db A 60 2.2.2.2", f"a-db TXT 60 {text}")
    registry = TxtRegistry("me", migrate_from="old")
    run(api, registry, wanted("web.ex.com", "1.1.1.1"))
    assert api.calls == [f'update 2 a-web TXT "{TEXT}" 60']
    assert run(api, registry, wanted("web.ex.com", "1.1.1.1")) == ()
    assert (
        run(api, registry, wanted("web.ex.com", "1.1.1.1"), wanted("db.ex.com", "2.2.2.2", resource="service/x/y"))
        == ()
    )
    assert len(api.calls) == 1


def test_other_words_in_an_ownership_record_stay_when_it_is_rewritten() -> None:
    text = "heritage=external-dns,external-dns/note=x,external-dns/owner=me,external-dns/resource=service/shop/old"
    api = zone_of("web A 1.1.1.1", f'a-web "{text}"')
    run(api, TxtRegistry("me"), wanted("web.ex.com", "2.2.2.2"))
    assert api.calls == ["update 1 web A 2.2.2.2 60", f'update 2 a-web TXT "{text.replace("old", "web")}" 60']
