"""The collector's way into a guarded broker: certificates, passwords and access lists on a real Mosquitto."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.cli.remedies import remedy
from tests.servers import Mosquitto, wait_until
from tests.system.authority import Authority
from tests.system.collector_rig import FakeGateway, Rig

SQLITE = {"kind": "sqlite"}
PAGE = (Path(__file__).parents[2] / "docs" / "collector.md").read_text("utf-8")
READER = "user reader\ntopic read city/v1/#\n"


def block(kind: str) -> str:
    """Return what the page tells the operator to write."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "city")
    made.sign("broker", hosts="IP:127.0.0.1")
    made.sign("late", hosts="IP:127.0.0.1", expired=True)
    made.sign("elsewhere", hosts="DNS:broker.example")
    for name in ("gw-tls", "collector", "reader", "integrator"):
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
    (folder / "acl").write_text(block("acl") + READER)
    config = block("conf").replace("/etc/mosquitto/lamplighter/acl", str(folder / "acl"))
    config = config.replace("/etc/mosquitto/lamplighter", str(city.folder)).replace("listener 8883\n", "")
    with Mosquitto(folder, config=config) as running:
        yield running


def secure(client: paho.Client, city: Authority, name: str) -> None:
    files = city.tls(name)["tls"]
    context = ssl.create_default_context(cafile=str(files["ca_file"]))
    context.load_cert_chain(str(files["cert_file"]), str(files["key_file"]))
    client.tls_set_context(context)


def gateway_of(broker: Mosquitto, city: Authority, name: str = "gw-tls") -> FakeGateway:
    return FakeGateway(broker, name, prepare=lambda client: secure(client, city, "gw-tls"))


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


def test_no_certificate_speaks_for_another_name_and_integrators_read_the_state(
    guarded: Mosquitto, city: Authority, tmp_path: Path
) -> None:
    heard: list[str] = []
    integrator = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    secure(integrator, city, "integrator")
    integrator.on_message = lambda _client, _data, message: heard.append(message.topic)
    integrator.on_connect = lambda client, *_: client.subscribe("city/v1/#", qos=1)
    with Rig(tmp_path, guarded, SQLITE, mqtt=city.tls("collector")) as rig:
        rig.wait_connected()
        integrator.connect("127.0.0.1", guarded.port)
        integrator.loop_start()
        try:
            with gateway_of(guarded, city, "gw-other") as thief, gateway_of(guarded, city) as gateway:
                thief.read()
                thief.send()
                gateway.read()
                gateway.wait_confirmed()
            rig.collector.broker.publish_retained("city/v1/alarm/site/mains_lost", b"{}")
            wait_until(lambda: "city/v1/alarm/site/mains_lost" in heard, 20, "the alarm")
        finally:
            integrator.disconnect()
            integrator.loop_stop()
    assert {item.gateway for item in rig.desk.items} == {"gw-tls"}
    assert set(heard) == {"city/v1/gw-tls/state/meta", "city/v1/alarm/site/mains_lost"}


def test_a_collector_that_may_not_write_says_so(guarded: Mosquitto, city: Authority, tmp_path: Path) -> None:
    with Rig(tmp_path, guarded, SQLITE, mqtt=city.tls("reader")) as rig, gateway_of(guarded, city) as gateway:
        rig.wait_connected()
        gateway.read()
        gateway.send()
        assert "access list" in remedy("broker", trouble(rig, "the broker denied a message of ours: Not authorized"))
        assert gateway.confirmed == set()
        assert rig.metric("connects") == 1


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
