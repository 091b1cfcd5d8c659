"""One record in zone-file format to a `Record` (RFC 1035 section 5): what a template comes to for one question.

Parts of that text are the client's, so it is read strictly. As in CoreDNS, TTL and class may be left out, names
without a last dot are whole names, and parentheses mean nothing. Types with a reader here are those that people write;
others are left to dnslib.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import dnslib

from clusterdns.limits import RECORD_TTL
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.records import Record, records_from_text, soa_rdata, srv_rdata, txt_rdata

_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([()])|((?:[^\s()";\\]|\\.)+))', re.DOTALL)
_SECONDS = re.compile(r"(\d{1,10})([smhdw]?)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_ESCAPE = re.compile(rb"\\(?:(\d{3})|(.))", re.DOTALL)


def read_record(text: str) -> Record:
    """The record that `text` is. Raises ValueError saying what is wrong."""
    try:
        return _read_record(text)
    except IndexError:
        raise ValueError(f"{text!r} is not a record: it ends too early") from None
    except ValueError as error:
        raise ValueError(f"{text!r} is not a record: {error}") from None


def _read_record(text: str) -> Record:
    words, ends = _words(text)
    owner = name_from_text(words.pop(0))
    ttl = RECORD_TTL.default_int
    # TTL and class may stand in either order, or not at all.
    for _ in range(2):
        if _SECONDS.match(words[0]):
            ttl = _seconds(words.pop(0))
        elif words[0].upper() == "IN":
            del words[0]
    type_name = words.pop(0).upper()
    rtype = dnslib.QTYPE.reverse.get(type_name)
    if rtype is None:
        raise ValueError(f'"{type_name}" is no type')
    reader = _READERS.get(rtype)
    if reader is None:
        (record,) = records_from_text(f". {ttl} IN {type_name} {text[ends[len(ends) - len(words) - 1] :]}")
        return record._replace(owner=owner)
    rdata = reader(words)
    if words:
        raise ValueError(f'"{words[0]}" is too much')
    return Record(owner, rtype, ttl, rdata)


def _words(text: str) -> tuple[list[str], list[int]]:
    """The words without quotes and parentheses, and where each ends."""
    words = []
    ends = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        found = _WORD.match(stripped, position)
        if found is None:
            raise ValueError(f"{stripped[position:].strip()!r} can't be read")
        position = found.end()
        if not found[2]:
            words.append(found[3] or found[1])
            ends.append(position)
    return words, ends


def _seconds(word: str) -> int:
    """`3600`, `1h`, `1h30m`."""
    total = position = 0
    while found := _SECONDS.match(word, position):
        total += int(found[1]) * _UNITS[found[2].lower()]
        position = found.end()
    if position != len(word) or not word or total > RECORD_TTL.maximum:
        raise ValueError(f'"{word}" is no TTL')
    return total


def _number(word: str, bits: int = 16) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 11 and int(word) < 1 << bits):
        raise ValueError(f'"{word}" is no number of {bits} bits')
    return int(word)


def _string(word: str) -> bytes:
    """A character string of up to 255 bytes; `\\065` and `\\"` as in section 5.1."""

    def unescape(found: re.Match[bytes]) -> bytes:
        if found[1] and int(found[1]) > 255:
            raise ValueError(f"\\{found[1].decode()} is no byte")
        return bytes((int(found[1]),)) if found[1] else found[2]

    string = _ESCAPE.sub(unescape, word.encode())
    if len(string) > 255:
        raise ValueError(f"a text of {len(string)} bytes; 255 is the most")
    return string


def _address(words: list[str]) -> bytes:
    return IPv4Address(words.pop(0)).packed


def _address6(words: list[str]) -> bytes:
    word = words.pop(0)
    if "%" in word:
        raise ValueError(f'"{word}" has a zone, which no record has')
    return IPv6Address(word).packed


def _name(words: list[str]) -> bytes:
    return name_from_text(words.pop(0))


def _mx(words: list[str]) -> bytes:
    return _number(words.pop(0)).to_bytes(2, "big") + _name(words)


def _srv(words: list[str]) -> bytes:
    return srv_rdata(_number(words.pop(0)), _number(words.pop(0)), _number(words.pop(0)), _name(words))


def _soa(words: list[str]) -> bytes:
    mname, rname, serial = _name(words), _name(words), _number(words.pop(0), 32)
    refresh, retry, expire, minimum = (_seconds(words.pop(0)) for _ in range(4))
    return soa_rdata(mname, rname, serial, refresh, retry, expire, minimum)


def _txt(words: list[str]) -> bytes:
    strings = [_string(words[0]), *map(_string, words[1:])]
    words.clear()
    return txt_rdata(*strings)


_READERS: dict[int, Callable[[list[str]], bytes]] = {
    numbers.A: _address,
    numbers.AAAA: _address6,
    numbers.CNAME: _name,
    numbers.DNAME: _name,
    numbers.NS: _name,
    numbers.PTR: _name,
    numbers.MX: _mx,
    numbers.SRV: _srv,
    numbers.SOA: _soa,
    numbers.TXT: _txt,
}
