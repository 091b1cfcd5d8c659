"""Go-style flags: each way to write one, and each way to get it wrong."""

from __future__ import annotations

import pytest

from clusterdns.daemon.flags import Flag, parse
from clusterdns.errors import ConfigError
from clusterdns.limit import Limit

TABLE = (
    Flag("conf", "text", "/etc/Corefile", "the Corefile"),
    Flag("localip", "text", "", "addresses to listen on"),
    Flag("dns.port", "integer", 53, "the port", Limit("port", 53, 1, 65535, "", "test")),
    Flag("setupinterface", "switch", True, "make the interface"),
    Flag("skipteardown", "switch", False, "leave the interface"),
    Flag("syncinterval", "seconds", 60.0, "how often to look"),
)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ([], "conf", "/etc/Corefile"),
        (["-conf=/tmp/C"], "conf", "/tmp/C"),
        (["-conf", "/tmp/C"], "conf", "/tmp/C"),
        (["--conf", "/tmp/C"], "conf", "/tmp/C"),
        (["--conf=/tmp/C"], "conf", "/tmp/C"),
        (["-conf", "-x"], "conf", "-x"),
        (["-conf=a=b"], "conf", "a=b"),
        (["-conf="], "conf", ""),
        (["-conf=a", "-conf=b"], "conf", "b"),
        (["-conf=a", "--"], "conf", "a"),
        (["-dns.port", "1053"], "dns.port", "1053"),
        (["-setupinterface=false", "-conf=x"], "setupinterface", "False"),
        (["-setupinterface=0"], "setupinterface", "False"),
        (["-skipteardown", "-conf=x"], "skipteardown", "True"),
        (["-skipteardown=T"], "skipteardown", "True"),
        (["-syncinterval=60"], "syncinterval", "60.0"),
        (["-syncinterval", "1m30s"], "syncinterval", "90.0"),
        (["-syncinterval=200ms"], "syncinterval", "0.2"),
    ],
)
def test_reads(arguments: list[str], name: str, value: str) -> None:
    flags = parse(TABLE, arguments, program="nodelocal", version="1")
    assert flags.text(name) == value
    assert (name in flags.given) == bool(arguments)
    assert flags.answer == ""


def test_values_have_the_type_of_their_row() -> None:
    flags = parse(TABLE, ["-dns.port=1053", "-syncinterval=5", "-skipteardown"], program="nodelocal", version="1")
    assert flags.integer("dns.port") == 1053
    assert flags.seconds("syncinterval") == 5.0
    assert flags.switch("skipteardown") is True
    assert flags.switch("setupinterface") is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-cnf=x"], "unknown flag -cnf; did you mean -conf?"),
        (["--setupinterfaces"], "unknown flag -setupinterfaces; did you mean -setupinterface?"),
        (["-zzz"], "unknown flag -zzz"),
        (["-=x"], "unknown flag -"),
        (["---conf=x"], "unknown flag --conf; did you mean -conf?"),
        (["-conf"], "-conf: needs a value"),
        (["-dns.port=http"], '-dns.port: "http" is not a whole number'),
        (["-dns.port="], '-dns.port: "" is not a whole number'),
        (["-dns.port=1_0"], '-dns.port: "1_0" is not a whole number'),
        (["-dns.port=" + "9" * 5000], "is not a whole number"),
        (["-dns.port=0"], "-dns.port: port is 0, but must be between 1 and 65535"),
        (["-dns.port=-5"], "-dns.port: port is -5, but must be between 1 and 65535"),
        (["-setupinterface=no"], '-setupinterface: "no" is neither true nor false'),
        (["-setupinterface", "false"], "a switch takes its value with an equals sign, as in -flag=false"),
        (["-syncinterval=soon"], '-syncinterval: "soon" is not a duration'),
        (["Corefile"], 'unexpected argument "Corefile": nodelocal takes flags only'),
        (["-conf=x", "--", "y"], 'unexpected argument "--"'),
        (["-"], 'unexpected argument "-"'),
    ],
)
def test_says_what_is_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(TABLE, arguments, program="nodelocal", version="1")
    assert message in str(caught.value)


@pytest.mark.parametrize("argument", ["-help", "--help", "-h"])
def test_help_shows_every_flag_with_its_default(argument: str) -> None:
    answer = parse(TABLE, [argument, "-nonsense"], program="nodelocal", version="1").answer
    assert answer.startswith("Usage of nodelocal:\n")
    for flag in TABLE:
        assert f"  -{flag.name}" in answer
        assert flag.help in answer
    assert "(default /etc/Corefile)" in answer
    assert "(default 60s)" in answer
    assert "(default true)" in answer


def test_version() -> None:
    assert parse(TABLE, ["-version"], program="nodelocal", version="1.2.3").answer == "nodelocal 1.2.3\n"


def test_a_table_may_use_the_special_names_itself() -> None:
    table = (Flag("version", "switch", False, "print it in our own way"),)
    flags = parse(table, ["-version"], program="x", version="1")
    assert flags.switch("version")
    assert flags.answer == ""
