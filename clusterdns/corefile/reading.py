"""Typed reading of a directive's arguments and options; every directive's module is made of these.

Each function returns the value, or raises a ConfigError with the place of the word and what to write instead.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from clusterdns import duration
from clusterdns.corefile import zones as zone_names
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.errors import ConfigError
from clusterdns.limit import Limit
from clusterdns.limits import PORT

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_ADDRESS_CHARACTERS = re.compile(r"[0-9A-Za-z.:]+(%[0-9A-Za-z._-]+)?")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen: an address or host name ("" for every address of both families) and a port."""

    host: str
    port: int


def arguments(directive: Directive, minimum: int = 0, maximum: int | None = None) -> tuple[Token, ...]:
    """The arguments, if there are `minimum` to `maximum` of them (None: any number)."""
    count = len(directive.args)
    if minimum <= count and (maximum is None or count <= maximum):
        return directive.args
    if maximum == minimum:
        takes = "no arguments" if not minimum else f"{minimum} argument{'s' * (minimum != 1)}"
    elif maximum is None:
        takes = f"at least {minimum} argument{'s' * (minimum != 1)}"
    elif minimum == 0:
        takes = f"at most {maximum} argument{'s' * (maximum != 1)}"
    else:
        takes = f"{minimum} to {maximum} arguments"
    place = directive.args[maximum].position if maximum is not None and count > maximum else directive.position
    raise place.error(f"{directive.name} takes {takes}, but has {count}")


def options(directive: Directive, known: Collection[str], *, refused: Collection[str] = ()) -> Iterator[Directive]:
    """The lines of the directive's block, each one of the options `known`.

    `refused` are options of CoreDNS that this program knows by name only.
    """
    for option in directive.block or ():
        if option.name in refused:
            raise option.position.error(
                f"the option {option.name} of {directive.name} is not supported here; remove it"
            )
        if option.name not in known:
            raise option.position.error(
                f'unknown option "{option.name}" of {directive.name}' + did_you_mean(option.name, known)
            )
        no_block(option)
        yield option


def no_block(directive: Directive) -> None:
    """Refuse braces behind a directive or option that has no options."""
    if directive.block is not None:
        raise directive.position.error(f'{directive.name} has no options: remove its "{{ }}"')


def flag(option: Directive) -> bool:
    """True; for an option that says all by being there, and takes no arguments."""
    arguments(option, 0, 0)
    return True


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "success"?`, or nothing if no known word is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def keyword(token: Token, words: Collection[str], what: str) -> str:
    """One of `words`; `what` names the thing for the error, as in "policy"."""
    if token.text in words:
        return token.text
    raise token.error(
        f'unknown {what} "{token.text}": write {_either(words)}' + did_you_mean(token.text, words),
    )


def integer(token: Token, limit: Limit) -> int:
    """A whole number within `limit`."""
    # int() alone would also take "1_000", " 5" and digits of other scripts.
    if not is_integer(token.text):
        raise token.error(f'{limit.name} needs a whole number, not "{token.text}"')
    return int(_within(token, limit, int(token.text)))


def number(token: Token, limit: Limit) -> float:
    """A number within `limit`, with or without a decimal point."""
    if not _NUMBER.fullmatch(token.text):
        raise token.error(f'{limit.name} needs a number, not "{token.text}"')
    return _within(token, limit, float(token.text))


def is_integer(text: str) -> bool:
    """True for what `integer` reads as a number: where a number is optional, it decides what a word is."""
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20


def seconds(token: Token, limit: Limit) -> float:
    """A duration such as `5s` or `1m30s` within `limit`, in seconds."""
    try:
        value = duration.seconds(token.text)
    except ConfigError as error:
        raise token.error(f"{limit.name}: {error.message}") from None
    return _within(token, limit, value)


def address(token: Token) -> str:
    """An IPv4 or IPv6 address, in its canonical form."""
    if not is_address(token.text):
        raise token.error(f'"{token.text}" is no IP address')
    return str(ipaddress.ip_address(token.text))


def is_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address, with or without a scope (RFC 4007: `fe80::1%eth0`)."""
    # ip_address() takes anything at all behind the % of a scope.
    if not _ADDRESS_CHARACTERS.fullmatch(text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def network(token: Token) -> IPNetwork:
    """A network such as `10.0.0.0/8`; a bare address is a network of one. Host bits are an error."""
    try:
        return ipaddress.ip_network(token.text)
    except ValueError as error:
        text = str(error) if "host bits" in str(error) else f'"{token.text}" is no network'
        raise token.error(f"{text}: write it as 10.0.0.0/8 or 2001:db8::/32") from None


def endpoint(token: Token, default_port: int) -> Endpoint:
    """Where to listen: `:9153`, `127.0.0.1:9153`, `[::1]:9153`, `localhost:9153`, or one of these without the port."""
    if ":" in token.text and is_address(token.text):
        # fd00::a:8080 is an address, but its writer meant port 8080 of fd00::a; CoreDNS takes no such form either.
        raise token.error(f'"{token.text}" may mean two things: write an IPv6 address in brackets, as in [::1]:9153')
    host, port = host_and_port(token, default_port)
    if host and not is_address(host) and not _HOST_NAME.fullmatch(host):
        raise token.error(f'"{token.text}" is no address to listen on: write it as :{default_port} or [::1]:9153')
    return Endpoint(host, port)


def host_and_port(token: Token, default_port: int, text: str | None = None) -> tuple[str, int]:
    """Split `host[:port]`, a bare IPv6 address included; an address comes back in canonical form, without brackets.

    `text` is read instead of the whole word, where only a part of it is meant.
    """
    text = token.text if text is None else text
    if is_address(text):
        return str(ipaddress.ip_address(text)), default_port
    host, colon, port_text = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port_text = text, str(default_port)
    if not (port_text.isascii() and port_text.isdigit()) or len(port_text) > 5:
        raise token.error(f'"{text}": "{port_text}" is no port number')
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if bracketed != (":" in bare) or (bracketed and not is_address(bare)):
        raise token.error(f'"{text}" is no address: write an IPv6 address with its port as [2001:db8::1]:53')
    return (str(ipaddress.ip_address(bare)) if is_address(bare) else bare), int(_within(token, PORT, int(port_text)))


def zones(tokens: Iterable[Token]) -> tuple[str, ...]:
    """Zones, lower case with a last dot; a network stands for its reverse zones."""
    found: list[str] = []
    for token in tokens:
        try:
            found += zone_names.zones_from_text(token.text)
        except ValueError as error:
            raise token.error(str(error)) from None
    return tuple(found)


def name(token: Token) -> str:
    """One domain name, lower case with a last dot."""
    try:
        return zone_names.zone_from_text(token.text)
    except ValueError as error:
        raise token.error(str(error)) from None


def path(token: Token) -> str:
    """The path of a file, as written; whether it can be read is for the one who reads it."""
    if not token.text or "\0" in token.text:
        raise token.error("a file name is needed here; is an environment variable unset?")
    return token.text


def _within(token: Token, limit: Limit, value: float) -> float:
    place = token.position
    return limit.check(value, where=place.source, line=place.line, column=place.column)


def _either(words: Collection[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
