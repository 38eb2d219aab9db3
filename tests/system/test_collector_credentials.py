"""The collector's way into a guarded broker: certificates, passwords and access lists on a real Mosquitto."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from collector.cli.remedies import remedy
from tests.servers import Mosquitto, wait_until
from tests.system.authority import Authority
from tests.system.collector_rig import FakeGateway, Rig

SQLITE = {"kind": "sqlite"}
ACL = """\
pattern write city/v1/%u/up/#
pattern write city/v1/%u/state/#
pattern read city/v1/%u/down/#
user collector
topic readwrite city/v1/#
user reader
topic read city/v1/#
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "city")
    made.sign("broker", hosts="IP:127.0.0.1")
    made.sign("late", hosts="IP:127.0.0.1", expired=True)
    made.sign("elsewhere", hosts="DNS:broker.example")
    for name in ("gw-tls", "collector", "reader"):
        made.sign(name)
    return made


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "foreign")
    made.sign("collector")
    return made


@pytest.fixture(scope="module")
def guarded(city: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "acl").write_text(ACL)
    with Mosquitto(folder, config=f"{city.broker()}acl_file {folder / 'acl'}") as running:
        yield running


def gateway_of(broker: Mosquitto, city: Authority) -> FakeGateway:
    def prepare(client: paho.Client) -> None:
        files = city.tls("gw-tls")["tls"]
        context = ssl.create_default_context(cafile=str(files["ca_file"]))
        context.load_cert_chain(str(files["cert_file"]), str(files["key_file"]))
        client.tls_set_context(context)

    return FakeGateway(broker, "gw-tls", prepare=prepare)


def trouble(rig: Rig, words: str) -> str:
    wait_until(lambda: words in rig.collector.broker.trouble, 20, words)
    return rig.collector.broker.trouble


def test_readings_are_stored_and_confirmed_over_mutual_tls(guarded: Mosquitto, city: Authority, tmp_path: Path) -> None:
    with Rig(tmp_path, guarded, SQLITE, mqtt=city.tls("collector")) as rig, gateway_of(guarded, city) as gateway:
        rig.wait_connected()
        for _ in range(20):
            gateway.read()
        gateway.wait_confirmed()
        assert gateway.confirmed == set(range(1, 21))
        assert (rig.metric("publishes_denied"), rig.collector.broker.trouble) == (0, "")


def test_a_collector_that_may_not_write_says_so(guarded: Mosquitto, city: Authority, tmp_path: Path) -> None:
    with Rig(tmp_path, guarded, SQLITE, mqtt=city.tls("reader")) as rig, gateway_of(guarded, city) as gateway:
        rig.wait_connected()
        gateway.read()
        gateway.send()
        assert "access list" in remedy("broker", trouble(rig, "the broker denied a message of ours: Not authorized"))
        assert gateway.confirmed == set()


@pytest.mark.parametrize(
    ("certificate", "words"),
    [("late", "certificate has expired"), ("elsewhere", "IP address mismatch")],
)
def test_a_broker_s_certificate_must_be_valid_and_its_own(
    city: Authority, tmp_path: Path, certificate: str, words: str
) -> None:
    with (
        Mosquitto(tmp_path / "broker", config=city.broker(certificate)) as broker,
        Rig(tmp_path, broker, SQLITE, mqtt=city.tls("collector")) as rig,
    ):
        assert "ca_file" in remedy("broker", trouble(rig, words))


def test_a_broker_of_another_authority_is_not_trusted(
    guarded: Mosquitto, city: Authority, foreign: Authority, tmp_path: Path
) -> None:
    with Rig(tmp_path, guarded, SQLITE, mqtt=city.tls("collector", ca=foreign)) as rig:
        assert "ca_file" in remedy("broker", trouble(rig, "certificate verify failed"))


def test_a_certificate_that_the_broker_does_not_know_is_named(
    guarded: Mosquitto, city: Authority, foreign: Authority, tmp_path: Path
) -> None:
    for number, mqtt in enumerate((foreign.tls("collector", ca=city), city.tls())):
        with Rig(tmp_path / str(number), guarded, SQLITE, mqtt=mqtt) as rig:
            assert "cert_file" in remedy("broker", trouble(rig, "SSL"))
            assert not rig.collector.broker.is_connected


def test_a_password_that_is_mended_in_its_file_is_taken_without_a_restart(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(f"collector:{_hashed('right')}\n")
    accounts.chmod(0o600)
    password = tmp_path / "password"
    password.write_text("wrong\n")
    mqtt = {"username": "collector", "password_file": password}
    config = f"allow_anonymous false\npassword_file {accounts}"
    with Mosquitto(tmp_path / "broker", config=config) as broker, Rig(tmp_path, broker, SQLITE, mqtt=mqtt) as rig:
        assert "password_file" in remedy("broker", trouble(rig, "refused the connection: Not authorized"))
        password.unlink()
        trouble(rig, "No such file")
        password.write_text("right\n")
        rig.wait_connected()
        # What was wrong before is no reason of now.
        broker.kill9()
        trouble(rig, "Connection refused")


def _hashed(password: str) -> str:
    """Return the entry of mosquitto_passwd(1): $6$salt$hash."""
    salt = b"0123456789ab"
    digest = hashlib.sha512(password.encode() + salt).digest()
    return f"$6${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
