"""What the emulator refuses, and with which words: one row per error of the API.

Every module of the emulator raises `ApiFailure(ROW, name=value)`; `http.py` alone turns it into the gateway's error
body `{RequestId, HostId, Code, Message, Recommend}`. Source: the codes that users of pvtz 2018-01-01 meet and handle,
and the Alibaba Cloud RPC gateway's own. PrivateZone publishes no complete list, so a row marked "not confirmed" can
be given another code with `--error-code OURS=THEIRS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.errors import ClusterDNSError


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One error: HTTP status, code and message; `{name}` in either is filled in by whoever raises it."""

    status: int
    code: str
    message: str


class ApiFailure(ClusterDNSError):
    """A call of the API is refused. `status`, `code` and `message` are what the caller sees."""

    def __init__(self, row: FailureRow, **details: object) -> None:
        self.status = row.status
        self.code = row.code.format(**details)
        self.message = row.message.format(**details)
        super().__init__(f"{self.code}: {self.message}")


# The gateway: who is calling, and what.
ACTION_UNKNOWN = FailureRow(
    404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."
)
VERSION_UNKNOWN = FailureRow(400, "InvalidVersion", "Specified parameter Version is not valid.")
KEY_MISSING = FailureRow(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
KEY_UNKNOWN = FailureRow(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
TOKEN_UNKNOWN = FailureRow(
    400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken does not belong to the access key."
)
SIGNATURE_INCOMPLETE = FailureRow(
    400, "IncompleteSignature", "The request signature does not conform to Aliyun standards: {reason}."
)
SIGNATURE_WRONG = FailureRow(
    400,
    "SignatureDoesNotMatch",
    "Specified signature is not matched with our calculation. server string to sign is:{expected}",
)
DIGEST_WRONG = FailureRow(
    400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the SHA-256 of the body that arrived."
)
DATE_MALFORMED = FailureRow(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
DATE_EXPIRED = FailureRow(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
NONCE_USED = FailureRow(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
THROTTLED = FailureRow(400, "Throttling.User", "Request was denied due to user flow control.")
BUSY = FailureRow(400, "System.Busy", "The system is busy. Please try again later.")
UNAVAILABLE = FailureRow(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
BODY_TOO_LARGE = FailureRow(413, "RequestEntityTooLarge", "The request body is larger than {limit} bytes.")
BODY_SLOW = FailureRow(408, "RequestTimeout", "The request body did not arrive in time.")
INTERNAL = FailureRow(500, "InternalError", "The request processing has failed due to some unknown error.")

# Parameters.
PARAMETER_MISSING = FailureRow(400, "Missing{name}", "{name} is mandatory for this action.")
PARAMETER_INVALID = FailureRow(400, "Invalid{name}", "Specified parameter {name} is not valid: {reason}.")
TOKEN_REUSED = FailureRow(
    400, "IdempotentParameterMismatch", "The ClientToken was used before, by a call with other parameters."
)

# Zones.
ZONE_ID_INVALID = FailureRow(400, "Zone.Invalid.Id", "The zone ID is not valid.")
ZONE_MISSING = FailureRow(400, "Zone.NotExists", "The zone does not exist.")
ZONE_NAME_INVALID = FailureRow(400, "Zone.Invalid.Name", "The zone name is not valid: {reason}.")  # not confirmed
ZONE_REMARK = FailureRow(400, "Zone.Remark", "The remark {reason}.")
ZONE_BOUND = FailureRow(400, "Zone.VpcExists", "The zone is still bound to VPCs; unbind them first.")
ZONE_NOT_FAST = FailureRow(400, "Zone.DnsGroup", "{what} needs a zone whose DnsGroup is FAST_ZONE.")  # not confirmed
VPC_UNKNOWN = FailureRow(400, "ZoneVpc.NotExists.VpcId", "The VPC {vpc} does not exist.")
VPC_CONFLICT = FailureRow(  # not confirmed
    400, "ZoneVpc.Conflict", "The VPC {vpc} is already bound to another zone named {zone}."
)
QUOTA_ZONES = FailureRow(400, "QuotaExceeded.Zone", "An account holds at most {limit} zones.")  # not confirmed
QUOTA_VPCS = FailureRow(400, "QuotaExceeded.ZoneVpc", "A zone is bound to at most {limit} VPCs.")  # not confirmed
QUOTA_RECORDS = FailureRow(400, "QuotaExceeded.Record", "A zone holds at most {limit} records.")  # not confirmed

# Records.
RECORD_MISSING = FailureRow(400, "Record.NotExists", "The record does not exist.")  # not confirmed
RECORD_CONFLICT = FailureRow(400, "Record.Invalid.Conflict", "The record conflicts with another one: {reason}.")
RECORD_RR = FailureRow(400, "Record.Invalid.Rr", "The host record is not valid: {reason}.")  # not confirmed
RECORD_TYPE = FailureRow(400, "Record.Invalid.Type", "The record type is not valid: {reason}.")  # not confirmed
RECORD_VALUE = FailureRow(400, "Record.Invalid.Value", "The record value is not valid: {reason}.")  # not confirmed
RECORD_TTL = FailureRow(400, "Record.Invalid.Ttl", "The TTL must be one of {allowed}.")  # not confirmed
RECORD_WEIGHT = FailureRow(400, "Record.Invalid.Weight", "The weight is not valid: {reason}.")  # not confirmed
RECORD_LINE = FailureRow(400, "Record.Invalid.Line", "The line is not valid: {reason}.")  # not confirmed
RECORD_REMARK = FailureRow(400, "Record.Remark", "The remark {reason}.")  # not confirmed
