"""What a faulty device or bus makes of a reply, by name.

A fault is a pure function from (request, reply, draws) to what goes on the wire and when.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from firmware_sim.core.codec import Request, Transport, pack, pack_tcp
from firmware_sim.core.noise import Noise

FaultName = Literal[
    "silent",
    "late",
    "short",
    "crc",
    "wrong_unit",
    "wrong_function",
    "wrong_transaction",
    "too_few",
    "too_many",
    "length_lie",
    "exception",
    "busy",
    "babble",
    "stuck",
    "noise_before",
    "noise_after",
    "previous",
    "twice",
    "disconnect",
    "sentinel",
]
FAULT_NAMES: Final[tuple[FaultName, ...]] = tuple(name for name in get_args(FaultName) if name != "sentinel")
"""Of Modbus devices; `sentinel` is for instruments that speak something else."""

MAX_DELAY_S: Final = 3600.0
BABBLE_BYTES: Final = 200
STUCK_PIECES: Final = 60
STUCK_STEP_S: Final = 0.05
STUCK_BYTES: Final = 8
BUSY: Final = 6


class Sending(NamedTuple):
    """Bytes that go out `delay_s` after the device would normally have begun; None closes the connection."""

    delay_s: float
    data: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that hits a share of the requests until `ends_s`, in simulated time.

    `delay_s` to `delay_max_s` (uniform) belongs to `late`; `code` to `exception`.
    """

    name: FaultName
    share: float = 1.0
    delay_s: float = 0.5
    delay_max_s: float | None = None
    code: int = 6
    ends_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its right reply PDU; `previous` is the whole frame that was due before it."""

    request: Request
    pdu: bytes
    previous: bytes | None = None

    def frame(self) -> bytes:
        """Return the right reply on the wire."""
        return pack(self.request, self.pdu)


Effect = Callable[[Fault, Exchange, Noise], list[Sending]]


def _now(data: bytes) -> list[Sending]:
    return [Sending(0.0, data)]


def _reply_as(exchange: Exchange, *, unit: int | None = None, pdu: bytes | None = None) -> bytes:
    request = exchange.request
    changed = Request(request.transport, request.unit if unit is None else unit, request.pdu, request.transaction)
    return pack(changed, exchange.pdu if pdu is None else pdu)


def _silent(_fault: Fault, _exchange: Exchange, _noise: Noise) -> list[Sending]:
    return []


def _late(fault: Fault, exchange: Exchange, noise: Noise) -> list[Sending]:
    spread_s = max(0.0, (fault.delay_max_s or fault.delay_s) - fault.delay_s)
    return [Sending(fault.delay_s + spread_s * noise.uniform(), exchange.frame())]


def _short(_fault: Fault, exchange: Exchange, noise: Noise) -> list[Sending]:
    frame = exchange.frame()
    return _now(frame[: noise.integer(1, len(frame) - 1)])


def _crc(_fault: Fault, exchange: Exchange, noise: Noise) -> list[Sending]:
    frame = bytearray(exchange.frame())
    if exchange.request.transport == "tcp":
        # TCP has no checksum of its own here: the garbled part is the header's protocol number.
        frame[2 + noise.integer(0, 1)] ^= 1 << noise.integer(0, 7)
    else:
        # One flipped bit is what a CRC, or the sum of an ASCII frame, is sure to find.
        frame[noise.integer(0, len(frame) - 1)] ^= 1 << noise.integer(0, 7)
    return _now(bytes(frame))


def _wrong_unit(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(_reply_as(exchange, unit=exchange.request.unit % 247 + 1))


def _wrong_function(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    swapped = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 15: 16, 16: 15}
    function = exchange.pdu[0]
    other = swapped.get(function & 0x7F, (function ^ 1) & 0x7F) | (function & 0x80)
    return _now(_reply_as(exchange, pdu=bytes((other,)) + exchange.pdu[1:]))


def _wrong_transaction(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    request = exchange.request
    return _now(pack_tcp((request.transaction + 7) & 0xFFFF, request.unit, exchange.pdu))


def _is_read(exchange: Exchange) -> bool:
    return 1 <= exchange.pdu[0] <= 4


def _too_few(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    if not _is_read(exchange):
        return _now(_reply_as(exchange, pdu=exchange.pdu[:-1]))
    size = max(0, exchange.pdu[1] - (2 if exchange.pdu[0] >= 3 else 1))
    return _now(_reply_as(exchange, pdu=bytes((exchange.pdu[0], size)) + exchange.pdu[2 : 2 + size]))


def _too_many(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    if not _is_read(exchange) or exchange.pdu[1] > 248:
        return _now(_reply_as(exchange, pdu=exchange.pdu + b"\x00\x00"))
    return _now(_reply_as(exchange, pdu=bytes((exchange.pdu[0], exchange.pdu[1] + 2)) + exchange.pdu[2:] + b"\x00\x00"))


def _length_lie(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    if exchange.request.transport == "tcp":
        frame = exchange.frame()
        return _now(frame[:4] + b"\xff\xff" + frame[6:])
    if not _is_read(exchange):
        return _now(exchange.frame())
    pdu = bytes((exchange.pdu[0], min(255, exchange.pdu[1] + 100))) + exchange.pdu[2:]
    return _now(_reply_as(exchange, pdu=pdu))


def _exception(fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(_reply_as(exchange, pdu=bytes((exchange.request.function | 0x80, fault.code))))


def _babble(_fault: Fault, _exchange: Exchange, noise: Noise) -> list[Sending]:
    return _now(noise.octets(BABBLE_BYTES))


def _busy(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(_reply_as(exchange, pdu=bytes((exchange.request.function | 0x80, BUSY))))


def _stuck(_fault: Fault, _exchange: Exchange, noise: Noise) -> list[Sending]:
    """Keep sending for three seconds: a transmitter that does not let go of the line."""
    return [Sending(place * STUCK_STEP_S, noise.octets(STUCK_BYTES)) for place in range(STUCK_PIECES)]


def _noise_before(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(b"\x00\xff\x7f" + exchange.frame())


def _noise_after(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(exchange.frame() + b"\x00\xff\x7f")


def _previous(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(exchange.previous) if exchange.previous is not None else []


def _twice(_fault: Fault, exchange: Exchange, _noise: Noise) -> list[Sending]:
    return _now(exchange.frame()) * 2


def _disconnect(_fault: Fault, _exchange: Exchange, _noise: Noise) -> list[Sending]:
    return [Sending(0.0, None)]


_EFFECTS: Final[dict[FaultName, Effect]] = {
    "silent": _silent,
    "late": _late,
    "short": _short,
    "crc": _crc,
    "wrong_unit": _wrong_unit,
    "wrong_function": _wrong_function,
    "wrong_transaction": _wrong_transaction,
    "too_few": _too_few,
    "too_many": _too_many,
    "length_lie": _length_lie,
    "exception": _exception,
    "busy": _busy,
    "babble": _babble,
    "stuck": _stuck,
    "noise_before": _noise_before,
    "noise_after": _noise_after,
    "previous": _previous,
    "twice": _twice,
    "disconnect": _disconnect,
}


def suits(name: FaultName, transport: Transport, *, connected: bool | None = None) -> bool:
    """Return whether a fault has a meaning on this kind of line.

    Args:
        name: The fault.
        transport: How frames look.
        connected: Whether the line is a connection, which can be cut; as usual for the transport if not told.
    """
    if name == "sentinel":
        # A Modbus twin's quantities are set to what its maker sends instead of a value.
        return False
    if name == "wrong_transaction":
        return transport == "tcp"
    if name == "disconnect":
        return transport == "tcp" if connected is None else connected
    return True


def apply_fault(fault: Fault, exchange: Exchange, noise: Noise) -> list[Sending]:
    """Return what goes out instead of the right reply, in order of its delays."""
    return _EFFECTS[fault.name](fault, exchange, noise)
