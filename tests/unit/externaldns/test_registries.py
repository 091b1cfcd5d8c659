"""Which registry the flags make."""

from __future__ import annotations

import pytest

from externaldns import flags
from externaldns.ownership import NoRegistry, TxtRegistry
from externaldns.ownership_codec import OwnershipCodec
from externaldns.ownership_names import OwnershipNames
from externaldns.registries import build_registry
from externaldns.remark_registry import RemarkRegistry


@pytest.mark.parametrize(
    ("arguments", "registry"),
    [
        ([], TxtRegistry("default")),
        (
            ["--txt-owner-id=me", "--txt-prefix=x.", "--txt-wildcard-replacement=any"],
            TxtRegistry("me", OwnershipNames("x.", "", "any")),
        ),
        (["--txt-suffix=-x"], TxtRegistry("default", OwnershipNames("", "-x", ""))),
        (["--registry=noop"], NoRegistry()),
        (["--registry=remark", "--migrate-from-txt-owner=old"], RemarkRegistry("default", "old")),
        (["--migrate-from-txt-owner=old"], TxtRegistry("default", migrate_from="old")),
        (
            ["--txt-encrypt-enabled", f"--txt-encrypt-aes-key={'k' * 32}"],
            TxtRegistry("default", codec=OwnershipCodec(b"k" * 32)),
        ),
    ],
)
def test_the_registry_follows_its_flags(arguments: list[str], registry: object) -> None:
    arguments = ["--source=service", "--provider=alibabacloud", "--policy=sync", *arguments]
    config = flags.parse(arguments, {})
    assert build_registry(config.registry) == registry
