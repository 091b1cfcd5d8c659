"""Every flag of ExternalDNS's works, is taken and said to have no effect, or is refused with what to do instead."""

from __future__ import annotations

import pytest

from clusterdns import duration
from clusterdns.errors import ConfigError
from externaldns import flags
from externaldns.flag_table import FLAGS, FOREIGN_PREFIXES, REFUSED_FLAGS, Flag, environment_variable
from tests.unit.externaldns.flags_of_externaldns import DEFAULTS, OTHER_DEFAULTS, REGISTRIES, SOURCES

HERE = {flag.name: flag for flag in FLAGS}
REQUIRED = ["--source=service", "--provider=alibabacloud", "--policy=sync"]


def parse(*arguments: str, **environment: str) -> object:
    return flags.parse([*REQUIRED, *arguments], environment)


def written(flag: Flag) -> str:
    """The default of `flag`, as ExternalDNS's documentation writes one."""
    match flag.default:
        case tuple():
            return ",".join(flag.default)
        case bool():
            return str(flag.default).lower()
        case _:
            return str(flag.default)


@pytest.mark.parametrize("name", DEFAULTS)
def test_it_is_there_or_refused(name: str) -> None:
    assert (name in HERE) != (name in REFUSED_FLAGS)


@pytest.mark.parametrize("name", sorted((DEFAULTS.keys() & HERE.keys()) - OTHER_DEFAULTS))
def test_its_default_is_the_same(name: str) -> None:
    flag = HERE[name]
    if flag.kind == "seconds":
        assert flag.default == duration.seconds(DEFAULTS[name])
    else:
        assert written(flag) == DEFAULTS[name]


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() & HERE.keys() - {"source", "provider", "policy"}))
def test_its_default_may_be_written(name: str) -> None:
    value = written(HERE[name]) if HERE[name].kind != "seconds" else DEFAULTS[name]
    assert parse(f"--{name}={value}") == parse()
    assert parse(**{HERE[name].environment: value}) == parse()


@pytest.mark.parametrize("name", sorted(REFUSED_FLAGS))
def test_what_is_refused_says_what_to_do(name: str) -> None:
    variable = environment_variable(name)
    for where, arguments, environment in (
        (f"--{name}", (f"--{name}=some",), {}),
        (variable, (), {variable: "some"}),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(*arguments, **environment)
        assert str(caught.value) == (
            f"{where}: this flag of ExternalDNS's is not supported here; {REFUSED_FLAGS[name]}"
        )
    # As good as not there.
    assert parse(**{variable: "false"}) == parse(**{variable: ""}) == parse()


@pytest.mark.parametrize("prefix", FOREIGN_PREFIXES)
def test_flags_of_other_providers_are_named(prefix: str) -> None:
    with pytest.raises(ConfigError, match=f"--{prefix}x: this flag is about something of ExternalDNS"):
        parse(f"--{prefix}x=1")


def test_no_flag_of_ours_looks_like_a_foreign_one() -> None:
    assert not [name for name in {**DEFAULTS, **HERE} if name.startswith(FOREIGN_PREFIXES)]


@pytest.mark.parametrize("flag", [flag for flag in FLAGS if flag.no_effect], ids=lambda flag: flag.name)
def test_what_has_no_effect_is_said_once(flag: Flag) -> None:
    value = {"switch": "true", "integer": "7", "seconds": "7s", "text": "7", "list": "7"}[flag.kind]
    config = flags.parse([*REQUIRED, f"--{flag.name}={value}"], {})
    assert config.notices == (f"--{flag.name} has no effect: {flag.no_effect}",)


@pytest.mark.parametrize(("flag", "values"), [("source", SOURCES), ("registry", REGISTRIES)])
def test_every_source_and_registry_is_there_or_refused_by_name(flag: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert (value in HERE[flag].choices) != (value in HERE[flag].refused), value
        if value in HERE[flag].refused:
            with pytest.raises(ConfigError, match=f"'{value}' is not supported here; write one of"):
                parse(f"--{flag}={value}")
