"""Messages that are no DNS query, or not quite, and what a server may say to them."""

from __future__ import annotations

import random

import dns.message

SILENCE = None
FORMERR, NOTIMP, REFUSED, BADVERS = 1, 4, 5, 16

_HEADER = b"\x12\x34\x01\x00"
_QUESTION = b"\x03web\x04shop\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"


def _message(counts: bytes, rest: bytes, header: bytes = _HEADER) -> bytes:
    return header + counts + rest


ONE = b"\0\1\0\0\0\0\0\0"

ROWS: dict[str, tuple[bytes, tuple[int | None, ...]]] = {
    "one byte": (b"\0", (SILENCE,)),
    "eleven bytes": (_HEADER + b"\0\1\0\0\0\0\0", (SILENCE,)),
    "a response": (_message(ONE, _QUESTION, b"\x12\x34\x81\x80"), (SILENCE,)),
    "header alone": (_message(b"\0\0\0\0\0\0\0\0", b""), (FORMERR,)),
    "QDCOUNT 0 with a question": (_message(b"\0\0\0\0\0\0\0\0", _QUESTION), (FORMERR,)),
    "QDCOUNT 1 without a question": (_message(ONE, b""), (FORMERR,)),
    "QDCOUNT 2": (_message(b"\0\2\0\0\0\0\0\0", _QUESTION * 2), (FORMERR,)),
    "QDCOUNT 65535": (_message(b"\xff\xff\0\0\0\0\0\0", _QUESTION), (FORMERR,)),
    "every count 65535": (_message(b"\xff" * 8, _QUESTION), (FORMERR,)),
    "ARCOUNT without a record": (_message(b"\0\1\0\0\0\0\0\1", _QUESTION), (FORMERR,)),
    "question that points to itself": (_message(ONE, b"\xc0\x0c\0\1\0\1"), (FORMERR,)),
    "question that points to the header": (_message(ONE, b"\xc0\x00\0\1\0\1"), (FORMERR,)),
    "record whose name points to itself": (
        _message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\xc0\x2c\0\1\0\1\0\0\0\0\0\0"),
        (FORMERR,),
    ),
    "two pointers at each other": (
        _message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\xc0\x2e\xc0\x2c\0\1\0\1\0\0\0\0\0\0"),
        (FORMERR,),
    ),
    "label type 01": (_message(ONE, b"\x41abc\0\0\1\0\1"), (FORMERR,)),
    "label longer than the message": (_message(ONE, b"\x3fabc"), (FORMERR,)),
    "name of 256 bytes": (_message(ONE, (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1"), (FORMERR,)),
    "name without end": (_message(ONE, b"\1a" * 600), (FORMERR,)),
    "record longer than the message": (
        _message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\xff\xff"),
        (FORMERR,),
    ),
    "two OPT records": (_message(b"\0\1\0\0\0\0\0\2", _QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\0" * 2), (FORMERR,)),
    "OPT with a name": (_message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\1a\0\0\x29\4\xd0\0\0\0\0\0\0"), (FORMERR,)),
    "EDNS option cut short": (
        _message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\4\0\x08\0\x09"),
        (FORMERR,),
    ),
    "client subnet of family 9": (
        _message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x08\0\x08\0\x09\x20\0\1\2\3\4"),
        # A server that does not know the option ignores it.
        (FORMERR, REFUSED, 0),
    ),
    "bytes behind the message": (_message(ONE, _QUESTION + b"junk"), (FORMERR,)),
    "EDNS version 1": (_message(b"\0\1\0\0\0\0\0\1", _QUESTION + b"\0\0\x29\4\xd0\0\1\0\0\0\0"), (BADVERS,)),
    "opcode UPDATE": (_message(ONE, _QUESTION, b"\x12\x34\x28\0"), (NOTIMP,)),
    "opcode 15": (_message(ONE, _QUESTION, b"\x12\x34\x78\0"), (NOTIMP,)),
    "class CHAOS": (_message(ONE, b"\7version\4bind\0\0\x10\0\3"), (REFUSED,)),
    "AXFR": (_message(ONE, b"\x04corp\x07example\0\0\xfc\0\1"), (REFUSED,)),
}


def random_messages(count: int, seed: int) -> list[bytes]:
    """Random bytes of every size, and good queries with random bytes in them."""
    dice = random.Random(seed)
    good = dns.message.make_query("web.shop.svc.cluster.local", "A", use_edns=0, id=7).to_wire()
    found = []
    for _ in range(count):
        if dice.random() < 0.5:
            found.append(dice.randbytes(dice.choice((0, 1, 11, 12, 13, 40, 512, 1400))))
        else:
            broken = bytearray(good)
            for _ in range(dice.randint(1, 6)):
                broken[dice.randrange(2, len(broken))] = dice.randrange(256)
            found.append(bytes(broken[: dice.randint(1, len(broken))]))
    return found
