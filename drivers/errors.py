"""What can go wrong with a device; the class says what to do next, the cause what the reading becomes."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from config.language import Language
from contract.reading import Cause


class DriverError(Exception):
    """The root of all errors of drivers; never raised itself. `str()` is English, for logs.

    Attributes:
        cause: What makes the readings of the failed request BAD.
        vi: The message in Vietnamese; empty where no person is meant to read it.
    """

    cause: Cause = Cause.PROTOCOL

    def __init__(self, message: str, cause: Cause | None = None, *, vi: str = "") -> None:
        super().__init__(message)
        self.vi = vi
        if cause is not None:
            self.cause = cause

    def text(self, language: Language) -> str:
        """Return the message for a person."""
        return self.vi if language == "vi" and self.vi else str(self)


class TransientError(DriverError):
    """No answer, or one that cannot be trusted: the same request may be sent again."""

    cause = Cause.TIMEOUT


class RefusedError(DriverError):
    """The device, or our own allow-list, says no: a write must never be repeated."""

    cause = Cause.REFUSED


class UnsupportedError(DriverError):
    """The device has no such point: drop it until the device was away and is back."""

    cause = Cause.UNSUPPORTED


class LineDownError(DriverError):
    """The line itself is gone: it reopens by itself, with back-off, at one of the next requests."""

    cause = Cause.LINE_DOWN


class Fault(StrEnum):
    """What was wrong with an answer; each is a field of LineCounters and so a metric."""

    TIMEOUT = "timeouts"
    TRUNCATED = "truncated"
    CRC = "crc_errors"
    NOISE = "noise"
    BABBLE = "babble"
    WRONG_UNIT = "wrong_unit"
    WRONG_FUNCTION = "wrong_function"
    WRONG_LENGTH = "wrong_length"
    WRONG_TRANSACTION = "wrong_transaction"
    WRONG_PROTOCOL = "wrong_protocol"
    WRONG_ECHO = "wrong_echo"


_CAUSE_OF: Final = {
    Fault.TIMEOUT: Cause.TIMEOUT,
    Fault.CRC: Cause.CRC,
    Fault.NOISE: Cause.CRC,
    Fault.BABBLE: Cause.CRC,
}


class FrameError(TransientError):
    """An answer that is missing, damaged or not to our question; nothing in it is ever used.

    Attributes:
        held_s: How long the exchange and the silence after it kept the line from others, in seconds; set by the line.
    """

    def __init__(self, fault: Fault, message: str, *, vi: str = "") -> None:
        super().__init__(message, _CAUSE_OF.get(fault, Cause.PROTOCOL), vi=vi)
        self.fault = fault
        self.held_s = 0.0
