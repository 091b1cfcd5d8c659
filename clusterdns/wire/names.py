"""Domain names as uncompressed wire bytes: `b"\\x03web\\x04shop\\x00"` (RFC 1035 section 3.1).

The wire form is compared, cached and sent as it is; text exists at the edges only (configuration, logs, the
Kubernetes stores). A name for lookups is folded to lower case: a length byte is at most 63, below `A`, so
lower-casing the whole string never changes one.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusterdns.errors import MalformedMessage
from clusterdns.limits import LABEL_BYTES, NAME_BYTES

MAX_NAME = NAME_BYTES.default_int
MAX_LABEL = LABEL_BYTES.default_int
# A name has at most 127 labels, and each pointer in it stands for at least one. Without a bound, a message of pointers
# to pointers costs thousands of steps for each of its thousands of names.
_MAX_POINTERS = 127
_DIGITS = frozenset("0123456789")
_PRINTABLE = frozenset(range(0x21, 0x7F)) - frozenset(b'."();@$\\')


def fold(name: bytes) -> bytes:
    """The form in which names are compared: RFC 4343, ASCII case only."""
    return name.lower()


def name_from_text(text: str) -> bytes:
    """`web.shop.svc.cluster.local`, with or without the last dot, in wire form.

    `\\.` and `\\065` mean what RFC 1035 section 5.1 says. Raises ValueError for an empty label, a label over 63
    bytes or a name over 255.
    """
    if text in (".", ""):
        return b"\0"
    if "\\" not in text and text.isascii():
        labels = text.removesuffix(".").encode("ascii").split(b".")
    else:
        labels = list(_escaped_labels(text))
    for label in labels:
        if not 1 <= len(label) <= MAX_LABEL:
            raise ValueError(f"{text!r} has a label of {len(label)} bytes; each has 1 to {MAX_LABEL}")
    name = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(name) > MAX_NAME:
        raise ValueError(f"{text!r} is {len(name)} bytes long as a name; {MAX_NAME} is the most")
    return name


def name_to_text(name: bytes) -> str:
    """The presentation form with a last dot; bytes that are not printable come as `\\ddd` (RFC 1035 section 5.1)."""
    if name == b"\0":
        return "."
    text = []
    for label in labels(name):
        if label.isalnum():
            text.append(label.decode("ascii"))
        else:
            text.append("".join(chr(byte) if byte in _PRINTABLE else _escape(byte) for byte in label))
    return ".".join(text) + "."


def labels(name: bytes) -> list[bytes]:
    """The labels of a wire name, first to last, without the root."""
    found = []
    offset = 0
    while length := name[offset]:
        found.append(name[offset + 1 : offset + 1 + length])
        offset += 1 + length
    return found


def is_at_or_below(name: bytes, zone: bytes) -> bool:
    """True if folded `name` is `zone` or ends with its labels (RFC 8499, "subdomain")."""
    if len(zone) == 1:
        return True  # everything is below the root
    if not name.endswith(zone):
        return False
    # The bytes of the zone may also stand inside a label; only a label's start counts.
    boundary = len(name) - len(zone)
    offset = 0
    while offset < boundary:
        offset += 1 + name[offset]
    return offset == boundary


def parents(name: bytes) -> Iterator[bytes]:
    """`name` itself, then each name above it, down to the root."""
    offset = 0
    while length := name[offset]:
        yield name[offset:]
        offset += 1 + length
    yield b"\0"


def join(first: bytes, second: bytes) -> bytes | None:
    """The labels of `first`, then the name `second`; None if that is over 255 bytes."""
    name = first[:-1] + second
    return name if len(name) <= MAX_NAME else None


def skip_name(message: bytes, offset: int) -> int:
    """The offset behind the (possibly compressed) name at `offset`.

    A pointer must point behind the header and before its name, so no name contains itself. What it points at is not
    looked at: who needs the name calls `read_name`.
    Raises MalformedMessage, or IndexError where the message ends: callers turn that into MalformedMessage.
    """
    start = offset
    while length := message[offset]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[offset + 1]
            if not 12 <= target < start:
                raise MalformedMessage(f"compression pointer at {offset} to {target}")
            end = offset + 2
            break
        if length > MAX_LABEL:
            raise MalformedMessage(f"label type {length >> 6:02b} at {offset}")
        offset += 1 + length
    else:
        end = offset + 1
    if offset - start >= MAX_NAME:
        raise MalformedMessage(f"the name at {start} is too long")
    return end


def read_name(message: bytes, offset: int) -> tuple[bytes, int]:
    """The name at `offset`, uncompressed, and the offset behind it.

    "a prior occurance of the same name" (RFC 1035 section 4.1.4): each pointer must go further back than the one
    before it, and what it leads to must end before the part that it comes from begins. Raises MalformedMessage, or
    IndexError as `skip_name` does.
    """
    end = pointers = 0
    start = lowest = offset
    barrier = len(message)
    parts = []
    size = 1
    while length := message[offset]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | message[offset + 1]
            pointers += 1
            if not 12 <= target < lowest or offset + 1 >= barrier or pointers > _MAX_POINTERS:
                raise MalformedMessage(f"compression pointer at {offset} to {target}")
            end = end or offset + 2
            barrier = lowest
            offset = lowest = target
            continue
        if length > MAX_LABEL:
            raise MalformedMessage(f"label type {length >> 6:02b} at {offset}")
        following = offset + 1 + length
        size += 1 + length
        if size > MAX_NAME or following >= barrier:
            raise MalformedMessage(f"the name at {start} is too long")
        parts.append(message[offset:following])
        offset = following
    parts.append(b"\0")
    return b"".join(parts), end or offset + 1


def _escaped_labels(text: str) -> Iterator[bytes]:
    label = bytearray()
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == ".":
            yield bytes(label)
            label.clear()
        elif character != "\\":
            label += character.encode("utf-8")
        elif (code := text[position : position + 3])[:1] in _DIGITS:
            # "\DDD where each D is a digit"; "\X where X is any character other than a digit" (RFC 1035 section 5.1).
            if len(code) < 3 or not _DIGITS.issuperset(code) or int(code) > 255:
                raise ValueError(f"{text!r} has \\{code}; a byte is written as three digits, at most \\255")
            label.append(int(code))
            position += 3
        elif position < len(text):
            label += text[position].encode("utf-8")
            position += 1
        else:
            raise ValueError(f"{text!r} ends in a backslash")
    if label:
        yield bytes(label)


def _escape(byte: int) -> str:
    if byte in b'."();@$\\':
        return "\\" + chr(byte)
    # A hyphen or underscore is printable and needs nothing; space and the rest are written by number.
    return f"\\{byte:03d}"
