"""Signatures: what the SDK signs is accepted, and each part of it that is changed is refused with its own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from clusterdns.limits import PRIVATEZONE_NONCES
from externaldns.providers.privatezone.emulator.failure import ApiFailure
from externaldns.providers.privatezone.emulator.signature import (
    AccessKey,
    NonceMemory,
    SignedRequest,
    VerifiedCall,
    decode_query,
    verify,
)

KEY = AccessKey("AK", "SECRET")
DATE = "2026-03-01T12:00:00Z"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
EMPTY = hashlib.sha256(b"").hexdigest()


def acs3(query: str = "Rr=a+b%2B~%2A%C3%A9&Vpcs.1.VpcId=", secret: str = KEY.secret, **headers: str) -> SignedRequest:
    """Sign as Alibaba Cloud's V3 document says, written out again here so that it is a second opinion."""
    sent = {
        "accept": "application/json",
        "host": "127.0.0.1:8080",
        "x-acs-action": "AddZoneRecord",
        "x-acs-version": "2018-01-01",
        "x-acs-date": DATE,
        "x-acs-signature-nonce": "n1",
        "x-acs-content-sha256": EMPTY,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    names = sorted(sent)
    encoded = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(decode_query(query)))
    lines = [*(f"{name}:{sent[name]}" for name in names), "", ";".join(names), sent["x-acs-content-sha256"]]
    canonical = "\n".join(["POST", "/", encoded, *lines])
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    sent["authorization"] = f"ACS3-HMAC-SHA256 Credential=AK,SignedHeaders={';'.join(names)},Signature={signature}"
    return SignedRequest("POST", decode_query(query), sent, b"")


def rpc(secret: str = KEY.secret, **changes: str) -> SignedRequest:
    pairs = {
        "Action": "DescribeZones",
        "Version": "2018-01-01",
        "Timestamp": DATE,
        "SignatureNonce": "n2",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "AccessKeyId": "AK",
        "Keyword": "a b*~é",
    } | changes
    encoded = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(pairs.items()))
    to_sign = f"POST&%2F&{quote(encoded, safe='~')}"
    digest = hmac.digest(f"{secret}&".encode(), to_sign.encode(), "sha1")
    pairs["Signature"] = base64.b64encode(digest).decode()
    return SignedRequest("POST", tuple(pairs.items()), {"host": "127.0.0.1"}, b"")


def with_header(request: SignedRequest, name: str, value: str) -> SignedRequest:
    return replace(request, headers={**request.headers, name: value})


def without_header(request: SignedRequest, name: str) -> SignedRequest:
    return replace(request, headers={key: value for key, value in request.headers.items() if key != name})


def test_acs3_is_verified() -> None:
    call = verify(acs3(), KEY, NOW)
    assert call.action == "AddZoneRecord"
    assert call.version == "2018-01-01"
    assert call.nonce == "n1"
    assert call.signed_at == NOW
    assert call.parameters == {"Rr": "a b+~*é", "Vpcs.1.VpcId": ""}


def test_rpc_is_verified() -> None:
    call = verify(rpc(), KEY, NOW)
    assert (call.action, call.nonce, call.parameters["Keyword"]) == ("DescribeZones", "n2", "a b*~é")


def test_a_signed_form_body_is_parameters_too() -> None:
    body = b"Rr=www&Value=1.1.1.1"
    request = acs3(
        "ZoneId=z",
        content_type="application/x-www-form-urlencoded",
        x_acs_content_sha256=hashlib.sha256(body).hexdigest(),
    )
    call = verify(replace(request, body=body), KEY, NOW)
    assert call.parameters == {"ZoneId": "z", "Rr": "www", "Value": "1.1.1.1"}


REFUSED: list[tuple[str, SignedRequest, float, int, str]] = [
    ("no signature at all", SignedRequest("GET", (), {}, b""), 0, 400, "MissingAccessKeyId"),
    ("acs3, another key", replace(acs3()), 0, 404, "InvalidAccessKeyId.NotFound"),
    ("acs3, wrong secret", acs3(secret="WRONG"), 0, 400, "SignatureDoesNotMatch"),
    ("acs3, 15 min old", acs3(), 901, 400, "InvalidTimeStamp.Expired"),
    ("acs3, 15 min ahead", acs3(), -901, 400, "InvalidTimeStamp.Expired"),
    ("acs3, no date", acs3(x_acs_date="yesterday"), 0, 400, "InvalidTimeStamp.Format"),
    ("acs3, body not as signed", replace(acs3(), body=b"x"), 0, 400, "SignatureDoesNotMatch"),
    ("acs3, parameter changed", replace(acs3(), query=(("Rr", "b"),)), 0, 400, "SignatureDoesNotMatch"),
    ("acs3, method changed", replace(acs3(), method="GET"), 0, 400, "SignatureDoesNotMatch"),
    ("acs3, action changed", with_header(acs3(), "x-acs-action", "DeleteZone"), 0, 400, "SignatureDoesNotMatch"),
    ("acs3, host missing", without_header(acs3(), "host"), 0, 400, "IncompleteSignature"),
    ("acs3, unsigned x-acs header", with_header(acs3(), "x-acs-extra", "1"), 0, 400, "IncompleteSignature"),
    ("acs3, STS token", acs3(x_acs_security_token="t"), 0, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ("another algorithm", with_header(acs3(), "authorization", "ACS3-HMAC-SM3 a=b"), 0, 400, "IncompleteSignature"),
    ("Authorization empty", with_header(acs3(), "authorization", ""), 0, 400, "IncompleteSignature"),
    ("Authorization cut", with_header(acs3(), "authorization", "ACS3-HMAC-SHA256 x"), 0, 400, "IncompleteSignature"),
    ("signature not ASCII", with_header(
        acs3(), "authorization", acs3().headers["authorization"].partition("Signature=")[0] + "Signature=é"
    ), 0, 400, "SignatureDoesNotMatch"),
    ("rpc, another key", rpc(AccessKeyId="other"), 0, 404, "InvalidAccessKeyId.NotFound"),
    ("rpc, wrong secret", rpc(secret="WRONG"), 0, 400, "SignatureDoesNotMatch"),
    ("rpc, old", rpc(), 901, 400, "InvalidTimeStamp.Expired"),
    ("rpc, SHA-256", rpc(SignatureMethod="HMAC-SHA256"), 0, 400, "IncompleteSignature"),
    ("rpc, no nonce", rpc(SignatureNonce=""), 0, 400, "IncompleteSignature"),
    ("rpc, STS token", rpc(SecurityToken="t"), 0, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ("rpc, added parameter", replace(rpc(), query=(*rpc().query, ("A", "b"))), 0, 400, "SignatureDoesNotMatch"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "request_", "late", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(what: str, request_: SignedRequest, late: float, status: int, code: str) -> None:
    key = AccessKey("OTHER", KEY.secret) if what == "acs3, another key" else KEY
    with pytest.raises(ApiFailure) as refused:
        verify(request_, key, NOW + late)
    assert (refused.value.status, refused.value.code) == (status, code)


def test_the_answer_to_a_wrong_signature_says_what_was_to_be_signed_but_not_the_secret() -> None:
    with pytest.raises(ApiFailure, match=r"server string to sign is:ACS3-HMAC-SHA256\n[0-9a-f]{64}") as refused:
        verify(acs3(secret="WRONG"), KEY, NOW)
    assert KEY.secret not in str(refused.value)


def _call(nonce: str, signed_at: float) -> VerifiedCall:
    return VerifiedCall("A", "V", {}, nonce, signed_at)


@pytest.mark.parametrize(
    ("first", "second", "at", "accepted"),
    [
        (_call("n", 0), _call("other", 0), 0, True),
        (_call("n", 0), _call("n", 0), 0, False),
        (_call("n", 0), _call("n", 899), 899, False),
        (_call("n", 0), _call("n", 900), 900, True),
        # Dated ahead, so valid for longer.
        (_call("n", 900), _call("n", 900), 1799, False),
    ],
)
def test_a_nonce_is_used_once_while_its_date_is_valid(
    first: VerifiedCall, second: VerifiedCall, at: float, accepted: bool
) -> None:
    memory = NonceMemory()
    memory.use(first, 0)
    if accepted:
        memory.use(second, at)
    else:
        with pytest.raises(ApiFailure) as refused:
            memory.use(second, at)
        assert refused.value.code == "SignatureNonceUsed"


def test_the_memory_of_nonces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = replace(PRIVATEZONE_NONCES, default=2)
    monkeypatch.setattr("externaldns.providers.privatezone.emulator.signature.PRIVATEZONE_NONCES", limit)
    memory = NonceMemory()
    for nonce in ("a", "b", "c"):
        memory.use(_call(nonce, 0), 0)
    memory.use(_call("a", 0), 0)  # The oldest has made room.
    with pytest.raises(ApiFailure):
        memory.use(_call("c", 0), 0)


Damage = Callable[[str], str]
DAMAGES: list[Damage] = [lambda text: text[:-1], lambda text: text + "0", str.upper, lambda text: ""]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", sorted(acs3().headers))
def test_any_damaged_header_is_refused(name: str, damage: Damage) -> None:
    request = acs3()
    damaged = damage(request.headers[name])
    if damaged == request.headers[name]:
        return
    with pytest.raises(ApiFailure):
        verify(with_header(request, name, damaged), KEY, NOW)
