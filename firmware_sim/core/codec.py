"""Modbus frames as a device sees them: RTU with its checksum, ASCII with its own, TCP with its header.

Written from the specifications alone (Modbus Application Protocol v1.1b3, Modbus over Serial Line v1.02,
Modbus Messaging on TCP/IP v1.0b), so that a mistake in the drivers' codec is not mirrored here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

Transport = Literal["rtu", "ascii", "tcp"]

MAX_PDU_BYTES: Final = 253
MAX_RTU_BYTES: Final = 256
MAX_ASCII_BYTES: Final = 513
MAX_TCP_BYTES: Final = 260
MBAP_BYTES: Final = 7

_MBAP: Final = struct.Struct(">HHHB")
_FIXED_REQUEST_BYTES: Final = 8  # unit, function, two words, checksum
_WRITE_MANY: Final = (15, 16)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came whole: `transaction` is 0 but on TCP with its own header."""

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


def lrc(data: bytes) -> int:
    """Return the check byte of an ASCII frame: the two's complement of the sum (Serial Line v1.02, appendix)."""
    total = 0
    for octet in data:
        total = (total + octet) % 256
    return (256 - total) % 256


def pack_ascii(unit: int, pdu: bytes) -> bytes:
    """Return the ASCII frame: colon, two capital digits for each byte, check byte, CR LF."""
    text = "".join(f"{octet:02X}" for octet in (unit, *pdu))
    return f":{text}{lrc(bytes((unit,)) + pdu):02X}\r\n".encode()


def pack(request: Request, pdu: bytes) -> bytes:
    """Return the frame that answers a request with a PDU."""
    if request.transport == "rtu":
        return pack_rtu(request.unit, pdu)
    if request.transport == "ascii":
        return pack_ascii(request.unit, pdu)
    return pack_tcp(request.transaction, request.unit, pdu)


def _whole_rtu(data: bytes) -> Request | None:
    if not 4 <= len(data) <= MAX_RTU_BYTES or crc16(data[:-2]) != data[-2:]:
        return None
    return Request("rtu", data[0], data[1:-2])


def _rtu_request_bytes(data: bytes | bytearray) -> int:
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


def parse_ascii(line: bytes) -> Request | None:
    """Return the request of one line, colon to CR LF; None if it is damaged."""
    start, end = line.rfind(b":"), line.rfind(b"\r\n")
    text = line[start + 1 : end]
    if start < 0 or end < start or len(text) % 2 or any(digit not in b"0123456789ABCDEF" for digit in text):
        return None
    octets = bytes(int(text[at : at + 2], 16) for at in range(0, len(text), 2))
    if len(octets) < 3 or lrc(octets[:-1]) != octets[-1]:
        return None
    return Request("ascii", octets[0], octets[1:-1])


class AsciiFramer:
    """Cuts characters into requests, each ended by its line feed; counts the damaged."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = False
        self.damaged = 0

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that are whole now."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest[-MAX_ASCII_BYTES:])
        parsed = [parse_ascii(line + b"\n") for line in lines]
        self.damaged += parsed.count(None)
        return [request for request in parsed if request is not None]


class RtuStreamFramer:
    """Cuts RTU requests out of a stream that has lost their silences: by length and checksum.

    `broken` once that fails: nothing marks where the next frame begins.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = False

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that are whole now."""
        requests: list[Request] = []
        if self.broken:
            return requests
        self._buffer += data
        while len(self._buffer) >= _FIXED_REQUEST_BYTES:
            size = _rtu_request_bytes(self._buffer)
            if len(self._buffer) < size:
                break
            request = _whole_rtu(bytes(self._buffer[:size]))
            if request is None:
                self.broken = True
                self._buffer.clear()
                break
            requests.append(request)
            del self._buffer[:size]
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
