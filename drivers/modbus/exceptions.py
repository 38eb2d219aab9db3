"""What a device's exception codes mean for what we do next. Pure."""

from __future__ import annotations

from typing import Final

from contract.reading import Cause
from drivers.errors import DriverError, RefusedError, TransientError, UnsupportedError

BUSY: Final = 6

_EXCEPTIONS: Final[dict[int, tuple[type[DriverError], Cause, str]]] = {
    1: (UnsupportedError, Cause.UNSUPPORTED, "illegal function"),
    2: (UnsupportedError, Cause.UNSUPPORTED, "illegal data address"),
    3: (RefusedError, Cause.REFUSED, "illegal data value"),
    4: (TransientError, Cause.REFUSED, "device failure"),
    5: (TransientError, Cause.REFUSED, "acknowledge, still working on it"),
    6: (TransientError, Cause.REFUSED, "busy"),
    7: (RefusedError, Cause.REFUSED, "negative acknowledge"),
    8: (TransientError, Cause.REFUSED, "memory parity error"),
    10: (TransientError, Cause.TIMEOUT, "gateway path unavailable"),
    11: (TransientError, Cause.TIMEOUT, "the gateway's target does not answer"),
}
"""MODBUS Application Protocol V1.1b3 §7; 7 is from the original Modicon guide (PI-MBUS-300)."""


def exception_text(code: int) -> str:
    """Return the standard's name of an exception code."""
    return _EXCEPTIONS[code][2] if code in _EXCEPTIONS else "not in the standard"


def exception_error(code: int, where: str) -> DriverError:
    """Return the error that an exception code means; an unknown code is a refusal."""
    kind, cause, text = _EXCEPTIONS.get(code, (RefusedError, Cause.REFUSED, "not in the standard"))
    return kind(f"{where}: exception {code}: {text}", cause)
