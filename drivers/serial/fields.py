"""What the frames of an instrument say: named values, or why one has none. Pure."""

from __future__ import annotations

import math
from typing import Final, Protocol

from config.points import FieldPoint
from contract.reading import Cause, Value
from drivers.errors import Fault, FrameError
from drivers.modbus.values import Decoded, measure
from drivers.serial.texts import TEXTS

FOREIGN: Final = frozenset({Fault.WRONG_UNIT, Fault.WRONG_FUNCTION})
"""What is wrong with a frame that is sound, and not the one that was wanted."""

Fields = dict[str, Value | Cause]
"""By the name that a FieldPoint's `field` uses; a Cause where the instrument itself, or our check, says no."""

MAX_FIELDS: Final = 256


class Scanner(Protocol):
    """Finds the whole frames in a stream of bytes, whatever pieces it comes in, and finds back after damage.

    Attributes:
        damaged: Frames that were whole but wrong.
        foreign: Frames that were sound, of another address or about something else.
        noise: Bytes that belonged to no frame.
        refusal: What the instrument said instead of a value.
    """

    damaged: int
    foreign: int
    noise: int
    refusal: FrameError | None

    def feed(self, data: bytes) -> list[Fields]:
        """Take bytes; return what each frame that is now whole says."""
        ...

    def waiting(self) -> int:
        """Return how many bytes of a frame that is not whole yet are kept; bounded."""
        ...


class RefusalError(FrameError):
    """A sound frame by which the instrument says that it has no value."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(Fault.WRONG_FUNCTION, TEXTS.text(key, "en", **facts), vi=TEXTS.text(key, "vi", **facts))
        self.cause = Cause.DEVICE


def value_of(spec: FieldPoint, found: Value | Cause) -> Decoded:
    """Return a point's value and cause from what a frame says of its field.

    A number that is not finite is the instrument's way to say that it has none.
    """
    if isinstance(found, Cause):
        return None, found
    if spec.type == "text":
        text = str(found)
        return (text, Cause.OK) if text else (None, Cause.SENTINEL)
    if isinstance(found, str):
        return None, Cause.PROTOCOL
    if not math.isfinite(found):
        return None, Cause.SENTINEL
    value, cause = measure(spec)(found)
    if value is None:
        return None, cause
    if spec.type == "bool":
        return (value != 0, cause) if value in (0, 1) else (None, Cause.RANGE)
    if spec.kind == "int":
        return (int(value), cause) if value == int(value) else (None, Cause.RANGE)
    return float(value), cause
