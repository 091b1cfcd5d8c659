"""Who signed this request: verifies ACS3-HMAC-SHA256 headers and the older RPC HMAC-SHA1 query.

First step of every API call, between `http.py` and the operations. Pure: the caller brings the Unix time.
Sources: Alibaba Cloud "V3 request signature" and "RPC signature", and what SDK 1.5.0 puts on the wire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from clusterdns.limits import PRIVATEZONE_NONCES, PRIVATEZONE_SIGNATURE_SECONDS
from externaldns.providers.privatezone.emulator.failure import (
    DATE_EXPIRED,
    DATE_MALFORMED,
    DIGEST_WRONG,
    KEY_MISSING,
    KEY_UNKNOWN,
    NONCE_USED,
    SIGNATURE_INCOMPLETE,
    SIGNATURE_WRONG,
    TOKEN_UNKNOWN,
    ApiFailure,
)

ACS3 = "ACS3-HMAC-SHA256"
# "Signed headers must include host, content-type and every x-acs-* header"; these must be there at all.
ACS3_HEADERS = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)
DATE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The one key pair that the emulator knows."""

    key_id: str
    secret: str
    token: str = ""
    """The SecurityToken that must come with it, as with temporary keys; "" for lasting ones."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came: decoded query pairs, header names in lower case, several values joined by a comma."""

    method: str
    query: Pairs
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class VerifiedCall:
    """What an authenticated caller wants; `signed_at` is Unix seconds."""

    action: str
    version: str
    parameters: Mapping[str, str]
    nonce: str
    signed_at: float


def decode_query(text: str) -> Pairs:
    """Split a query string or a form body into pairs.

    The SDK signs `%20` for a space but sends `+`: what is verified is the decoded text, encoded again.
    """
    return tuple(parse_qsl(text, keep_blank_values=True, errors="replace"))


def verify(request: SignedRequest, key: AccessKey, wall: float) -> VerifiedCall:
    """Return the call if its signature is right and its date within 15 minutes of `wall`, else raise ApiFailure."""
    if "authorization" in request.headers:
        return _verify_acs3(request, key, wall)
    if any(name == "Signature" for name, _ in request.query + _form(request)):
        return _verify_rpc(request, key, wall)
    raise ApiFailure(KEY_MISSING)


class NonceMemory:
    """The nonces seen while their dates are valid. In memory only: a restart forgets them."""

    def __init__(self) -> None:
        self._expires: dict[str, float] = {}

    def use(self, call: VerifiedCall, wall: float) -> None:
        """Remember the nonce of a verified call, or raise ApiFailure if it was used before."""
        while self._expires and next(iter(self._expires.values())) <= wall:
            self._forget_oldest()
        if call.nonce in self._expires:
            raise ApiFailure(NONCE_USED)
        if len(self._expires) >= PRIVATEZONE_NONCES.default:
            self._forget_oldest()
        # A date may lie in the future as far as in the past: its nonce counts until the date itself has expired.
        self._expires[call.nonce] = call.signed_at + PRIVATEZONE_SIGNATURE_SECONDS.default

    def _forget_oldest(self) -> None:
        del self._expires[next(iter(self._expires))]


def _verify_acs3(request: SignedRequest, key: AccessKey, wall: float) -> VerifiedCall:
    headers = request.headers
    algorithm, _, rest = headers["authorization"].partition(" ")
    if algorithm != ACS3:
        raise ApiFailure(SIGNATURE_INCOMPLETE, reason=f"the algorithm is {algorithm}, this emulator verifies {ACS3}")
    fields = dict(field.strip().partition("=")[::2] for field in rest.split(","))
    if missing := sorted({"Credential", "SignedHeaders", "Signature"} - fields.keys()):
        raise ApiFailure(SIGNATURE_INCOMPLETE, reason=f"Authorization has no {' and no '.join(missing)}")
    signed = fields["SignedHeaders"].lower().split(";")
    required = ACS3_HEADERS | {name for name in headers if name.startswith("x-acs-") or name == "content-type"}
    if unsigned := sorted((required - set(signed)) | (set(signed) - headers.keys())):
        raise ApiFailure(SIGNATURE_INCOMPLETE, reason=f"not both sent and signed: {', '.join(unsigned)}")
    _check_key(fields["Credential"], headers.get("x-acs-security-token"), key)
    signed_at = _check_date(headers["x-acs-date"], wall)

    digest = headers["x-acs-content-sha256"]
    if digest != hashlib.sha256(request.body).hexdigest():
        raise ApiFailure(DIGEST_WRONG)
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(signed))
    canonical = "\n".join(
        (request.method, "/", canonical_query(request.query), canonical_headers, ";".join(signed), digest)
    )
    to_sign = f"{ACS3}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    expected = hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    _check_signature(fields["Signature"], expected, to_sign)
    return VerifiedCall(
        action=headers["x-acs-action"],
        version=headers["x-acs-version"],
        parameters=dict(request.query + _form(request)),
        nonce=headers["x-acs-signature-nonce"],
        signed_at=signed_at,
    )


def _verify_rpc(request: SignedRequest, key: AccessKey, wall: float) -> VerifiedCall:
    pairs = request.query + _form(request)
    parameters = dict(pairs)
    for name in ("AccessKeyId", "Action", "SignatureMethod", "SignatureNonce", "Timestamp", "Version"):
        if not parameters.get(name):
            raise ApiFailure(SIGNATURE_INCOMPLETE, reason=f"{name} is missing")
    if parameters["SignatureMethod"] != "HMAC-SHA1":
        raise ApiFailure(SIGNATURE_INCOMPLETE, reason="SignatureMethod must be HMAC-SHA1")
    _check_key(parameters["AccessKeyId"], parameters.get("SecurityToken"), key)
    signed_at = _check_date(parameters["Timestamp"], wall)

    unsigned = canonical_query((name, value) for name, value in pairs if name != "Signature")
    to_sign = f"{request.method}&%2F&{quote(unsigned, safe='~')}"
    digest = hmac.new(f"{key.secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
    _check_signature(parameters["Signature"], base64.b64encode(digest).decode(), to_sign)
    return VerifiedCall(
        action=parameters["Action"],
        version=parameters["Version"],
        parameters=parameters,
        nonce=parameters["SignatureNonce"],
        signed_at=signed_at,
    )


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Encode pairs as both signatures want them: sorted by name, RFC 3986, `~` left alone."""
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(pairs))


def _form(request: SignedRequest) -> Pairs:
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return decode_query(request.body.decode("utf-8", "replace"))
    return ()


def _check_key(key_id: str, security_token: str | None, key: AccessKey) -> None:
    if key_id != key.key_id:
        raise ApiFailure(KEY_UNKNOWN)
    if (security_token or "") != key.token:
        raise ApiFailure(TOKEN_UNKNOWN)


def _check_date(text: str, wall: float) -> float:
    try:
        signed_at = datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ApiFailure(DATE_MALFORMED) from None
    if abs(wall - signed_at) > PRIVATEZONE_SIGNATURE_SECONDS.default:
        raise ApiFailure(DATE_EXPIRED)
    return signed_at


def _check_signature(given: str, expected: str, to_sign: str) -> None:
    # Bytes, because compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise ApiFailure(SIGNATURE_WRONG, expected=to_sign)
