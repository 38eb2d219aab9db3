"""Modbus frames as a device sees them: RTU with its checksum, TCP with its header.

Written from the specifications alone (Modbus Application Protocol v1.1b3, Modbus over Serial Line v1.02,
Modbus Messaging on TCP/IP v1.0b), so that a mistake in the drivers' codec is not mirrored here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

Transport = Literal["rtu", "tcp"]

MAX_PDU_BYTES: Final = 253
MAX_RTU_BYTES: Final = 256
MAX_TCP_BYTES: Final = 260
MBAP_BYTES: Final = 7

_MBAP: Final = struct.Struct(">HHHB")
_FIXED_REQUEST_BYTES: Final = 8  # unit, function, two words, checksum
_WRITE_MANY: Final = (15, 16)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came whole: `transaction` is 0 on a serial line."""

    transport: Transport
    unit: int
    pdu: bytes
    transaction: int = 0

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]


def _crc_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        value = octet
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()


def crc16(data: bytes) -> bytes:
    """Return the two checksum bytes in wire order, low byte first (Serial Line v1.02, appendix B)."""
    value = 0xFFFF
    for octet in data:
        value = (value >> 8) ^ _CRC_TABLE[(value ^ octet) & 0xFF]
    return bytes((value & 0xFF, value >> 8))


def pack_rtu(unit: int, pdu: bytes) -> bytes:
    """Return the RTU frame: unit, PDU, checksum."""
    body = bytes((unit,)) + pdu
    return body + crc16(body)


def pack_tcp(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Return the TCP frame: transaction, protocol 0, length, unit, PDU."""
    return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def pack(request: Request, pdu: bytes) -> bytes:
    """Return the frame that answers a request with a PDU."""
    if request.transport == "rtu":
        return pack_rtu(request.unit, pdu)
    return pack_tcp(request.transaction, request.unit, pdu)


def _whole_rtu(data: bytes) -> Request | None:
    if not 4 <= len(data) <= MAX_RTU_BYTES or crc16(data[:-2]) != data[-2:]:
        return None
    return Request("rtu", data[0], data[1:-2])


def _rtu_request_bytes(data: bytes) -> int:
    if len(data) > 6 and data[1] in _WRITE_MANY:
        return 9 + data[6]
    return _FIXED_REQUEST_BYTES


def parse_rtu(data: bytes) -> list[Request]:
    """Return the requests in the characters between two silences; none if any of it is damaged.

    Two requests stand together only if the host was too busy to see the silence between them.
    """
    whole = _whole_rtu(data)
    if whole is not None:
        return [whole]
    requests: list[Request] = []
    rest = data
    while rest:
        size = _rtu_request_bytes(rest)
        request = _whole_rtu(rest[:size])
        if request is None:
            return []
        requests.append(request)
        rest = rest[size:]
    return requests


class TcpFramer:
    """Cuts a byte stream into requests; `broken` once the stream cannot be followed any more."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = False

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that are whole now.

        A header with a foreign protocol or an impossible length ends the stream: a real device closes
        the connection, since nothing marks the start of the next frame.
        """
        requests: list[Request] = []
        if self.broken:
            return requests
        self._buffer += data
        while len(self._buffer) >= MBAP_BYTES:
            transaction, protocol, length, unit = _MBAP.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= MAX_PDU_BYTES + 1:
                self.broken = True
                self._buffer.clear()
                break
            end = MBAP_BYTES - 1 + length
            if len(self._buffer) < end:
                break
            requests.append(Request("tcp", unit, bytes(self._buffer[MBAP_BYTES:end]), transaction))
            del self._buffer[:end]
        return requests
