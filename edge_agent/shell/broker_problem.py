"""Why there is no connection to the broker, as one word for each thing that a technician would do about it."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum
from typing import Final

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode


class BrokerProblem(StrEnum):
    """What must be mended; the command line has a sentence for each."""

    FILE = "file"
    REFUSED = "refused"
    NO_NAME = "no_name"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CLOSED = "closed"
    BROKER_UNKNOWN = "broker_unknown"
    BROKER_EXPIRED = "broker_expired"
    BROKER_NOT_YET = "broker_not_yet"
    BROKER_OTHER_NAME = "broker_other_name"
    NO_TLS = "no_tls"
    OWN_MISSING = "own_missing"
    OWN_UNKNOWN = "own_unknown"
    OWN_EXPIRED = "own_expired"
    OWN_REFUSED = "own_refused"
    LOGIN = "login"
    PROTOCOL = "protocol"
    OTHER = "other"


class CredentialError(ValueError):
    """A password, certificate or key file cannot be used; the message names it and says why."""


# X509_V_ERR_… of OpenSSL's x509_vfy.h, as SSLCertVerificationError.verify_code.
_VERIFY: Final = {
    9: BrokerProblem.BROKER_NOT_YET,
    10: BrokerProblem.BROKER_EXPIRED,
    62: BrokerProblem.BROKER_OTHER_NAME,
    64: BrokerProblem.BROKER_OTHER_NAME,
}
# Reasons of OpenSSL's sslerr.h: alerts are the peer's word on our certificate. In this order.
_SSL_REASONS: Final = {
    "ALERT_CERTIFICATE_REQUIRED": BrokerProblem.OWN_MISSING,
    "ALERT_UNKNOWN_CA": BrokerProblem.OWN_UNKNOWN,
    "ALERT_CERTIFICATE_EXPIRED": BrokerProblem.OWN_EXPIRED,
    "CERTIFICATE": BrokerProblem.OWN_REFUSED,
    "ALERT_HANDSHAKE_FAILURE": BrokerProblem.OWN_REFUSED,
    "WRONG_VERSION_NUMBER": BrokerProblem.NO_TLS,
    "RECORD_LAYER_FAILURE": BrokerProblem.NO_TLS,
}
_ERRNO: Final = {
    errno.ECONNREFUSED: BrokerProblem.REFUSED,
    errno.EHOSTUNREACH: BrokerProblem.UNREACHABLE,
    errno.ENETUNREACH: BrokerProblem.UNREACHABLE,
    errno.ENETDOWN: BrokerProblem.UNREACHABLE,
    errno.ETIMEDOUT: BrokerProblem.SILENT,
    errno.ECONNRESET: BrokerProblem.CLOSED,
    errno.EPIPE: BrokerProblem.CLOSED,
}
# CONNACK of MQTT 5 (from 128) and of 3.1.1.
_CONNACK: Final = {
    1: BrokerProblem.PROTOCOL,
    4: BrokerProblem.LOGIN,
    5: BrokerProblem.LOGIN,
    132: BrokerProblem.PROTOCOL,
    134: BrokerProblem.LOGIN,
    135: BrokerProblem.LOGIN,
    140: BrokerProblem.LOGIN,
}


def problem_of(error: BaseException) -> BrokerProblem:
    """Return what an error of the connection means; aiomqtt keeps the socket's own error as the context of its."""
    context = error.__context__
    problem = _problem_of(error)
    return _problem_of(context) if problem is BrokerProblem.OTHER and context is not None else problem


def problem_in_log(text: str) -> BrokerProblem:
    """Return what paho's log says of a connection that the broker ended: OpenSSL's reason stands in brackets."""
    found = (problem for name, problem in _SSL_REASONS.items() if name in text)
    return next(found, BrokerProblem.CLOSED)


def _problem_of(error: BaseException) -> BrokerProblem:
    if isinstance(error, CredentialError):
        return BrokerProblem.FILE
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, BrokerProblem.BROKER_UNKNOWN)
    if isinstance(error, ssl.SSLError):
        return problem_in_log(error.reason or "")
    if isinstance(error, socket.gaierror):
        return BrokerProblem.NO_NAME
    if isinstance(error, TimeoutError):
        return BrokerProblem.SILENT
    if isinstance(error, OSError) and error.errno is not None:
        return _ERRNO.get(error.errno, BrokerProblem.OTHER)
    if isinstance(error, aiomqtt.exceptions.MqttCodeError):
        code = error.rc.value if isinstance(error.rc, ReasonCode) else error.rc
        return _CONNACK.get(code or 0, BrokerProblem.CLOSED)
    return BrokerProblem.OTHER
