"""Ownership in remarks: 50 characters of PrivateZone's charset, read back to what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import ConfigError
from externaldns import ownership_remark, resource_label
from externaldns.providers.privatezone.emulator.rules import check_record_remark

LONG = "service/a-long-namespace/a-long-name"
LONGEST_OWNER = "o" * ownership_remark.OWNER_CHARACTERS


@pytest.mark.parametrize(
    ("owner", "resource", "remark"),
    [
        ("me", "service/shop/web", "externaldns,me,service,shop,web"),
        ("me", "node/a.b", "externaldns,me,node,a.b"),
        ("me", "", "externaldns,me"),
        ("prod", LONG, f"externaldns,prod,{resource_label.digest(LONG)}"),
        (LONGEST_OWNER, "service/shop/web", f"externaldns,{LONGEST_OWNER},{resource_label.digest('service/shop/web')}"),
        ("me", "crd/shop/ü", f"externaldns,me,{resource_label.digest('crd/shop/ü')}"),
    ],
)  # fmt: skip
def test_remark(owner: str, resource: str, remark: str) -> None:
    assert ownership_remark.write({"owner": owner, "resource": resource}) == remark
    check_record_remark(remark)
    labels = ownership_remark.read(remark)
    assert labels is not None
    assert labels["owner"] == owner
    assert resource_label.is_about(labels.get("resource", ""), resource)
    assert not resource_label.is_about(labels.get("resource", ""), "service/shop/other")


@pytest.mark.parametrize("remark", ["", "web of the shop", "externaldns", "externaldns,", "ExternalDNS,me,x", "dns,me"])
def test_other_words_are_nobodys(remark: str) -> None:
    assert ownership_remark.read(remark) is None


@given(
    st.from_regex(r"[A-Za-z0-9_.-]{1,26}", fullmatch=True),
    st.from_regex(r"(service|pod|httproute)/[a-z0-9-]{1,63}/[a-z0-9.-]{1,80}", fullmatch=True),
)
def test_every_owner_and_resource_fits(owner: str, resource: str) -> None:
    ownership_remark.check_owner(owner)
    remark = ownership_remark.write({"owner": owner, "resource": resource})
    check_record_remark(remark)
    labels = ownership_remark.read(remark)
    assert labels is not None
    assert labels["owner"] == owner
    assert resource_label.is_about(labels["resource"], resource)


@pytest.mark.parametrize("owner", ["", "a,b", "a/b", "a b", "ü", "o" * 27])
def test_an_owner_that_does_not_fit_is_refused(owner: str) -> None:
    with pytest.raises(ConfigError, match="does not fit into a remark"):
        ownership_remark.check_owner(owner)
