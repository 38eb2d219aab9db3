from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from config.agent import Mqtt, Tls
from edge_agent.shell import uplink_session
from edge_agent.shell.broker_problem import BrokerProblem, CredentialError, problem_in_log, problem_of


def as_aiomqtt_raises(error: OSError) -> aiomqtt.MqttError:
    """Return what aiomqtt makes of a socket's error."""
    try:
        try:
            raise error
        except OSError as caught:
            raise aiomqtt.MqttError(str(caught)) from None
    except aiomqtt.MqttError as made:
        return made


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), BrokerProblem.REFUSED),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), BrokerProblem.UNREACHABLE),
        (TimeoutError("timed out"), BrokerProblem.SILENT),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), BrokerProblem.NO_NAME),
        (unverified(10), BrokerProblem.BROKER_EXPIRED),
        (unverified(9), BrokerProblem.BROKER_NOT_YET),
        (unverified(64), BrokerProblem.BROKER_OTHER_NAME),
        (unverified(19), BrokerProblem.BROKER_UNKNOWN),
        (OSError(errno.EIO, os.strerror(errno.EIO)), BrokerProblem.OTHER),
    ],
)
def test_a_socket_s_error_is_found_behind_aiomqtt_s(error: OSError, problem: BrokerProblem) -> None:
    assert problem_of(as_aiomqtt_raises(error)) is problem
    assert problem_of(error) is problem


@pytest.mark.parametrize(("code", "problem"), [(134, BrokerProblem.LOGIN), (135, BrokerProblem.LOGIN)])
def test_a_refused_login_is_told_by_its_reason_code(code: int, problem: BrokerProblem) -> None:
    assert problem_of(MqttConnectError(ReasonCode(PacketTypes.CONNACK, identifier=code))) is problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", BrokerProblem.OWN_MISSING),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", BrokerProblem.OWN_UNKNOWN),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired", BrokerProblem.OWN_EXPIRED),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] sslv3 alert certificate revoked", BrokerProblem.OWN_REFUSED),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", BrokerProblem.NO_TLS),
        ("[Errno 104] Connection reset by peer", BrokerProblem.CLOSED),
    ],
)
def test_an_alert_says_what_is_wrong_with_our_certificate(text: str, problem: BrokerProblem) -> None:
    assert problem_in_log(f"failed to receive on socket: {text}") is problem


def test_a_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" two words \nwritten by the operator on Monday\n", "utf-8")
    assert uplink_session.read_secrets(Mqtt(password_file=file))[0] == " two words "
    file.write_text("đèn\r\n", "utf-8")
    assert uplink_session.read_secrets(Mqtt(password_file=file))[0] == "đèn"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    absent, nonsense = tmp_path / "absent.pem", tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for mqtt, named in (
        (Mqtt(password_file=absent), absent),
        (Mqtt(tls=Tls(ca_file=absent)), absent),
        (Mqtt(tls=Tls(ca_file=nonsense)), nonsense),
    ):
        with pytest.raises(CredentialError, match=str(named)) as refused:
            uplink_session.read_secrets(mqtt)
        assert problem_of(refused.value) is BrokerProblem.FILE
