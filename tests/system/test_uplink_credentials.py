"""The gateway's way into a guarded broker: certificates and passwords on a real Mosquitto."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.codec import decode_batch
from tests.servers import Mosquitto, wait_until
from tests.system.authority import Authority
from tests.system.delivery_rig import GATEWAY, ROOT, Gateway

ACL = f"""\
pattern write city/v1/%u/up/#
pattern write city/v1/%u/state/#
pattern read city/v1/%u/down/#
pattern read city/v1/%u/state/online
user collector
topic readwrite {ROOT}/#
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "city")
    made.sign("broker", hosts="IP:127.0.0.1")
    made.sign("late", hosts="IP:127.0.0.1", expired=True)
    made.sign("elsewhere", hosts="DNS:broker.example")
    made.sign(GATEWAY)
    made.sign("gw-2")
    made.sign("collector")
    return made


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "foreign")
    made.sign(GATEWAY)
    return made


@pytest.fixture(scope="module")
def guarded(city: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    folder = tmp_path_factory.mktemp("guarded")
    acl = folder / "acl"
    acl.write_text(ACL)
    with Mosquitto(folder, config=f"{city.broker()}acl_file {acl}") as running:
        yield running


class Listener:
    """Hears, with a certificate of its own, what the gateway publishes."""

    def __init__(self, port: int, city: Authority) -> None:
        self.voltages: list[Any] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        files = city.tls("collector")["tls"]
        context = ssl.create_default_context(cafile=str(files["ca_file"]))
        context.load_cert_chain(str(files["cert_file"]), str(files["key_file"]))
        self.client.tls_set_context(context)
        self.client.on_message = self._received
        self.client.on_connect = lambda client, *_: client.subscribe(f"{ROOT}/up/live", qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _received(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        for block in decode_batch(bytes(message.payload)).blocks():
            self.voltages += [value for key, value in zip(block.keys, block.values, strict=True) if key == "u1"]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def refused(gateway: Gateway, problem: str) -> str:
    """Wait until the gateway names this problem, and return the reason in full."""
    wait_until(lambda: gateway.status()["broker_problem"] == problem, 20, f"the problem is {problem}")
    status = gateway.status()
    assert status["connected"] is False
    return str(status["broker_reason"])


def test_readings_travel_by_mutual_tls_under_the_certificate_s_name(
    guarded: Mosquitto, city: Authority, tmp_path: Path
) -> None:
    listener = Listener(guarded.port, city)
    try:
        with Gateway(tmp_path, guarded.port, mqtt=city.tls(GATEWAY)) as gateway:
            wait_until(gateway.is_connected, 20, "connected")
            gateway.accept(1)

            def heard() -> bool:
                gateway.accept(2)
                return 2.0 in listener.voltages

            wait_until(heard, 20, "a reading arrives")
            assert gateway.status()["denied"] == []
            assert gateway.status()["broker_problem"] is None
    finally:
        listener.close()


def test_the_certificate_of_another_gateway_may_not_speak_for_this_one(
    guarded: Mosquitto, city: Authority, tmp_path: Path
) -> None:
    with Gateway(tmp_path, guarded.port, mqtt=city.tls("gw-2")) as gateway:
        wait_until(gateway.is_connected, 20, "connected")
        gateway.accept(1)
        wait_until(lambda: gateway.metric("publish_denied") > 0, 20, "the denial")
        assert {one["reason"] for one in gateway.status()["denied"]} == {"Not authorized"}
        wait_until(
            lambda: any(one["topic"].endswith("/up/live") for one in gateway.status()["denied"]),
            20,
            "the batch's denial",
        )
        assert sum(gateway.status()["spool"]["rows"].values()) > 0, "what the broker denied stays on the disk"


def test_a_gateway_does_not_trust_a_broker_of_another_authority(
    guarded: Mosquitto, city: Authority, foreign: Authority, tmp_path: Path
) -> None:
    with Gateway(tmp_path, guarded.port, mqtt=city.tls(GATEWAY, ca=foreign)) as gateway:
        assert "certificate verify failed" in refused(gateway, "broker_unknown")


@pytest.mark.parametrize(("name", "problem"), [("late", "broker_expired"), ("elsewhere", "broker_other_name")])
def test_a_broker_s_certificate_must_be_valid_and_its_own(
    city: Authority, tmp_path: Path, name: str, problem: str
) -> None:
    with (
        Mosquitto(tmp_path / "broker", config=city.broker(name)) as broker,
        Gateway(tmp_path / "gateway", broker.port, mqtt=city.tls(GATEWAY)) as gateway,
    ):
        refused(gateway, problem)


def test_a_certificate_of_another_authority_is_refused_and_the_gateway_knows_why(
    guarded: Mosquitto, city: Authority, foreign: Authority, tmp_path: Path
) -> None:
    with Gateway(tmp_path, guarded.port, mqtt=foreign.tls(GATEWAY, ca=city)) as gateway:
        assert "unknown ca" in refused(gateway, "own_unknown")


def test_an_expired_certificate_is_refused_and_one_renewed_in_place_is_taken(
    guarded: Mosquitto, city: Authority, tmp_path: Path
) -> None:
    mine = Authority(tmp_path / "mine")
    for name in ("ca.crt", "ca.key"):
        (mine.folder / name).write_bytes((city.folder / name).read_bytes())
    mine.sign(GATEWAY, expired=True)
    with Gateway(tmp_path / "gateway", guarded.port, mqtt=mine.tls(GATEWAY)) as gateway:
        assert "certificate expired" in refused(gateway, "own_expired")
        gateway.accept(1)
        for kind in ("key", "crt"):
            (mine.folder / f"{GATEWAY}.{kind}").write_bytes((city.folder / f"{GATEWAY}.{kind}").read_bytes())
        wait_until(gateway.is_connected, 20, "connected with the new certificate")


def test_a_gateway_without_a_certificate_is_told_that_one_is_wanted(
    guarded: Mosquitto, city: Authority, tmp_path: Path
) -> None:
    with Gateway(tmp_path, guarded.port, mqtt=city.tls()) as gateway:
        refused(gateway, "own_missing")


def test_a_gateway_without_tls_is_turned_away_at_once(guarded: Mosquitto, tmp_path: Path) -> None:
    with Gateway(tmp_path, guarded.port) as gateway:
        refused(gateway, "closed")


def password_line(user: str, password: str) -> str:
    """Return a line of mosquitto_passwd(1): PBKDF2 with SHA-512."""
    salt = b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def test_a_user_name_and_the_password_of_a_file_open_the_broker_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "users").write_text(password_line("cabinets", "đèn đường 1"))
    password = tmp_path / "password"
    password.write_text("wrong\n")
    config = f"allow_anonymous false\npassword_file {tmp_path / 'users'}"
    settings = {"username": "cabinets", "password_file": password}
    with (
        Mosquitto(tmp_path / "broker", config=config) as broker,
        Gateway(tmp_path / "gateway", broker.port, mqtt=settings) as gateway,
    ):
        assert "wrong" not in refused(gateway, "login")
        password.write_text("đèn đường 1\nset on Monday\n", "utf-8")
        wait_until(gateway.is_connected, 20, "connected with the right password")
    with Mosquitto(tmp_path / "other", config=config) as broker, Gateway(tmp_path / "g2", broker.port) as gateway:
        refused(gateway, "login")
