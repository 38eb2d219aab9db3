"""What a device's exception codes mean for what we do next. Pure."""

from __future__ import annotations

from typing import Final

from config.language import Language
from contract.reading import Cause
from drivers.errors import DriverError, RefusedError, TransientError, UnsupportedError
from drivers.modbus.explain_texts import TEXTS as MEANINGS
from drivers.texts import TEXTS

BUSY: Final = 6

_EXCEPTIONS: Final[dict[int, tuple[type[DriverError], Cause]]] = {
    1: (UnsupportedError, Cause.UNSUPPORTED),
    2: (UnsupportedError, Cause.UNSUPPORTED),
    3: (RefusedError, Cause.REFUSED),
    4: (TransientError, Cause.REFUSED),
    5: (TransientError, Cause.REFUSED),
    6: (TransientError, Cause.REFUSED),
    7: (RefusedError, Cause.REFUSED),
    8: (TransientError, Cause.REFUSED),
    10: (TransientError, Cause.TIMEOUT),
    11: (TransientError, Cause.TIMEOUT),
}
"""MODBUS Application Protocol V1.1b3 §7; 7 is from the original Modicon guide (PI-MBUS-300)."""


def exception_error(code: int, unit: int, function: int) -> DriverError:
    """Return the error that an exception code means; an unknown code is a refusal."""
    kind, cause = _EXCEPTIONS.get(code, (RefusedError, Cause.REFUSED))
    meaning = f"exception_{code}" if code in _EXCEPTIONS else "exception_other"

    def text(language: Language) -> str:
        facts = {"unit": unit, "function": function, "code": code}
        return TEXTS.text("exception", language, meaning=MEANINGS.text(meaning, language), **facts)

    return kind(text("en"), cause, vi=text("vi"))
