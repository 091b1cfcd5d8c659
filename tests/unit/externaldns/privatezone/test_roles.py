"""Keys of roles: of a pod (RRSA, by an OIDC token) and of a node (ECS), got, renewed, and out of reach for a while."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterdns.demo.processes import free_ports
from externaldns.config import AlibabaCloudConfig
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.credentials import ChainCredentials, default_chain
from externaldns.providers.privatezone.failure import NO_KEYS, PrivateZoneError
from tests.unit.externaldns.emulator.live import emulator
from tests.unit.externaldns.privatezone.login_doubles import METADATA, PROVIDER, ROLE, Keys, LoginDoubles, redirect

SECOND: Keys = ("id-2", "secret-2", "token-2")
NODE = {"environment_ecs_metadata_disabled": "false"}


class Account:
    """PrivateZone, which knows one set of keys at a time, and our way to it through the SDK's chain."""

    def __init__(self, database: Path, doubles: LoginDoubles) -> None:
        self._database = database
        [self._port] = free_ports(1)
        config = AlibabaCloudConfig("r", "", "", endpoint=f"http://127.0.0.1:{self._port}")
        self._api = SdkApi(config, default_chain(lambda: doubles.now.timestamp()))
        self.keys = doubles.keys

    def zones(self) -> list[str]:
        """List the zones."""
        key_id, secret, token = self.keys
        flags = (f"--access-key-id={key_id}", f"--access-key-secret={secret}", f"--security-token={token}")
        listen = f"--api-listen=127.0.0.1:{self._port}"
        with emulator(str(self._database), "--zone", "demo.internal", listen, *flags):
            return [zone.name for zone in self._api.list_zones("", 1).items]

    def refusal(self) -> PrivateZoneError:
        """List the zones, which fails."""
        with pytest.raises(PrivateZoneError) as caught:
            self.zones()
        return caught.value


@pytest.fixture
def doubles() -> LoginDoubles:
    return LoginDoubles()


@pytest.fixture(params=["pod", "node"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def account(kind: str, doubles: LoginDoubles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account that is reached with the role of a pod or of its node."""
    with redirect(monkeypatch, doubles, **(NODE if kind == "node" else pod(tmp_path))):
        yield Account(tmp_path / "zones", doubles)


def pod(folder: Path) -> dict[str, str]:
    """What ACK puts into the environment of a pod with a role, and the file that it mounts."""
    file = folder / "token"
    file.write_text("jwt-1")
    return {
        "environment_role_arn": ROLE,
        "environment_oidc_provider_arn": PROVIDER,
        "environment_oidc_token_file": str(file),
    }


def test_the_role_is_used_and_asked_for_once(account: Account, doubles: LoginDoubles, kind: str) -> None:
    assert [account.zones() for _ in range(3)] == [["demo.internal"]] * 3
    if kind == "pod":
        [assumed] = doubles.assumed
        expected = {"Action": "AssumeRoleWithOIDC", "RoleArn": ROLE, "OIDCProviderArn": PROVIDER, "OIDCToken": "jwt-1"}
        assert expected.items() <= assumed.items()
    else:
        assert doubles.metadata == [
            ("PUT", "/latest/api/token", ""),
            ("GET", METADATA, "session"),
            ("PUT", "/latest/api/token", ""),
            ("GET", f"{METADATA}node-role", "session"),
        ]


def test_keys_are_renewed_before_they_expire(
    account: Account, doubles: LoginDoubles, kind: str, tmp_path: Path
) -> None:
    assert account.zones() == ["demo.internal"]
    account.keys = doubles.keys = SECOND
    (tmp_path / "token").write_text("jwt-2")
    doubles.pass_seconds(30 * 60)
    assert account.refusal().code == "InvalidAccessKeyId.NotFound", "they hold for half an hour more"
    doubles.pass_seconds(20 * 60)
    assert account.zones() == ["demo.internal"]
    if kind == "pod":
        assert [assumed["OIDCToken"] for assumed in doubles.assumed] == ["jwt-1", "jwt-2"]


def test_keys_stay_in_use_when_they_can_not_be_renewed(
    account: Account, doubles: LoginDoubles, caplog: pytest.LogCaptureFixture
) -> None:
    assert account.zones() == ["demo.internal"]
    doubles.down = 403
    doubles.pass_seconds(50 * 60)
    for _ in range(5):
        assert account.zones() == ["demo.internal"]
        doubles.pass_seconds(20)
    told = [record.getMessage() for record in caplog.records if "stay in use" in record.getMessage()]
    assert len(told) == 1
    assert "403" in told[0]
    assert not [record for record in caplog.records if record.exc_info], "no traces"

    account.keys = doubles.keys = SECOND
    doubles.down = 0
    doubles.pass_seconds(60)
    assert account.zones() == ["demo.internal"]


def test_expired_keys_are_told_apart_from_wrong_ones(account: Account, doubles: LoginDoubles) -> None:
    assert account.zones() == ["demo.internal"]
    account.keys = (*doubles.keys[:2], "another-token")
    error = account.refusal()
    assert "InvalidSecurityToken" in str(error)
    assert "the temporary keys do not hold any more" in str(error)
    assert error.about_caller
    assert not error.retryable


def test_without_any_keys_it_says_what_to_do(account: Account, doubles: LoginDoubles, kind: str) -> None:
    doubles.down = 400
    error = account.refusal()
    assert (error.code, error.retryable, error.about_caller) == (NO_KEYS, False, True)
    said = "This OIDC token is expired" if kind == "pod" else "Failed to get RAM session credentials from ECS metadata"
    assert said in str(error)
    assert "put accessKeyId and accessKeySecret into the file" in str(error)


def test_a_metadata_service_of_the_first_version(
    doubles: LoginDoubles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubles.session_tokens = False
    with redirect(monkeypatch, doubles, **NODE):
        assert Account(tmp_path / "zones", doubles).zones() == ["demo.internal"]
    assert [method for method, _, _ in doubles.metadata] == ["PUT", "GET", "PUT", "GET"]


class Chain:
    """Finds keys, or not."""

    def __init__(self) -> None:
        self.walks = 0
        self.keys: object = None

    def get_credential(self) -> object:
        self.walks += 1
        if self.keys is None:
            raise RuntimeError("no keys anywhere")
        return self.keys


def test_a_chain_that_finds_nothing_is_walked_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    from alibabacloud_credentials.models import CredentialModel

    caplog.set_level(logging.INFO)
    now, chain = 0.0, Chain()
    credentials = ChainCredentials(chain, lambda: now)
    walks = []
    for _ in range(600):
        with pytest.raises(Exception, match="no keys anywhere"):
            credentials.get_credential()
        walks.append(chain.walks)
        now += 0.1
    assert walks[:3] == [1, 1, 2]
    assert 8 <= chain.walks <= 14, "not 600 times"
    chain.keys = CredentialModel(access_key_id="id", provider_name="default/oidc_role_arn")
    now += 10
    assert credentials.get_credential() is chain.keys
    assert "keys are found again, by default/oidc_role_arn" in caplog.text
    chain.keys = CredentialModel(access_key_id="other")
    assert credentials.get_credential().access_key_id == "other", "a good chain is asked each time"
