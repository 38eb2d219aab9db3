"""Modbus questions and answers as bytes: RTU and TCP frames, checked against the question. Pure.

pymodbus builds the requests. Answers are checked here: its decoder takes another function's answer and fewer
registers than asked, and an RTU answer says neither which address it is of nor to which request.
Source: MODBUS Application Protocol V1.1b3; MODBUS over Serial Line V1.02; MODBUS Messaging on TCP/IP V1.0b.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NoReturn

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.errors import Fault, FrameError
from drivers.texts import frame_error

READ_COILS: Final = 1
READ_DISCRETE_INPUTS: Final = 2
READ_HOLDING_REGISTERS: Final = 3
READ_INPUT_REGISTERS: Final = 4
WRITE_SINGLE_COIL: Final = 5
WRITE_SINGLE_REGISTER: Final = 6
WRITE_MULTIPLE_COILS: Final = 15
WRITE_MULTIPLE_REGISTERS: Final = 16
EXCEPTION_BIT: Final = 0x80
MAX_RTU_FRAME: Final = 256
MAX_TCP_FRAME: Final = 260
MAX_UNMATCHED_BYTES: Final = 2 * MAX_RTU_FRAME
"""Noise before an answer; past it the line is not worth listening to."""

_ECHOED: Final = frozenset({WRITE_SINGLE_COIL, WRITE_SINGLE_REGISTER, WRITE_MULTIPLE_COILS, WRITE_MULTIPLE_REGISTERS})
_BITS: Final = frozenset({READ_COILS, READ_DISCRETE_INPUTS})
_RTU: Final = FramerRTU(DecodePDU(is_server=False))
_TCP: Final = FramerSocket(DecodePDU(is_server=False))
_READS: Final[dict[int, type[ModbusPDU]]] = {
    READ_COILS: ReadCoilsRequest,
    READ_DISCRETE_INPUTS: ReadDiscreteInputsRequest,
    READ_HOLDING_REGISTERS: ReadHoldingRegistersRequest,
    READ_INPUT_REGISTERS: ReadInputRegistersRequest,
}


def crc16(data: bytes) -> bytes:
    """Return the CRC of an RTU frame as it goes over the line, low byte first."""
    return FramerRTU.compute_CRC(data).to_bytes(2, "big")


def _pdu(message: ModbusPDU) -> bytes:
    return bytes((message.function_code,)) + message.encode()


def read_pdu(function: int, address: int, count: int) -> bytes:
    """Return the request to read bits or registers; ValueError if count or address are beyond the protocol."""
    if address + count > 0x10000:
        raise ValueError(f"{count} from address {address} run past 65535")
    return _pdu(_READS[function](address=address, count=count))


def write_coil_pdu(address: int, *, on: bool) -> bytes:
    """Return the request to switch one coil (function 5)."""
    return _pdu(WriteSingleCoilRequest(address=address, bits=[on]))


def write_registers_pdu(address: int, registers: Sequence[int]) -> bytes:
    """Return the request to write one register (function 6) or several (function 16)."""
    if len(registers) == 1:
        return _pdu(WriteSingleRegisterRequest(address=address, registers=registers))
    return _pdu(WriteMultipleRegistersRequest(address=address, registers=registers))


def reply_head(request_pdu: bytes) -> tuple[bytes, int]:
    """Return how the answer's PDU must begin, and its whole length in bytes.

    A read's answer begins with function and byte count, a write's repeats the first five bytes.
    """
    function = request_pdu[0]
    if function in _ECHOED:
        return request_pdu[:5], 5
    count = int.from_bytes(request_pdu[3:5], "big")
    size = (count + 7) // 8 if function in _BITS else 2 * count
    return bytes((function, size)), 2 + size


class ModbusExchange:
    """One request PDU to one unit, and what came back.

    Attributes:
        payload: The data of a read's answer, without byte count; empty for a write.
        exception_code: The device's exception code (V1.1b3 §7), None if it did what was asked.
        begun: Whether its bytes went out since this was last set to False.
    """

    __slots__ = ("_buffer", "_head", "_size", "begun", "exception_code", "function", "payload", "pdu", "unit")

    def __init__(self, unit: int, pdu: bytes) -> None:
        self.unit = unit
        self.pdu = pdu
        self.function = pdu[0]
        self.payload = b""
        self.exception_code: int | None = None
        self.begun = False
        self._head, self._size = reply_head(pdu)
        self._buffer = bytearray()

    def _reset(self) -> None:
        self.begun = True
        self.payload = b""
        self.exception_code = None
        if self._buffer:
            self._buffer.clear()

    def _take(self, pdu: bytes) -> None:
        """Keep an answer that passed every check."""
        if pdu[0] & EXCEPTION_BIT:
            self.exception_code = pdu[1]
        elif self.function not in _ECHOED:
            self.payload = pdu[2:]

    def _wrong(self, fault: Fault, found: object, wanted: object) -> FrameError:
        facts = {"unit": self.unit, "function": self.function, "found": found, "wanted": wanted}
        return frame_error(fault, fault.value, **facts)

    def _wrong_head(self, pdu: bytes) -> FrameError | None:
        """Return what is wrong with the first bytes of an answer's PDU, as far as they have come."""
        if pdu[0] not in {self.function, self.function | EXCEPTION_BIT}:
            return self._wrong(Fault.WRONG_FUNCTION, pdu[0], self.function)
        if pdu[0] & EXCEPTION_BIT or self._head.startswith(pdu[: len(self._head)]):
            return None
        if self.function in _ECHOED:
            return self._wrong(Fault.WRONG_ECHO, pdu[:5].hex(" "), self._head.hex(" "))
        return self._wrong(Fault.WRONG_LENGTH, f"{pdu[1]} bytes of data", self._head[1])

    def expire(self) -> FrameError:
        """Return what is wrong with what came until the time-out."""
        came = bytes(self._buffer)
        if not came:
            return frame_error(Fault.TIMEOUT, "no_answer", unit=self.unit, function=self.function)
        return self._incomplete(Fault.TRUNCATED, "cut")

    def _incomplete(self, fault: Fault, key: str) -> FrameError:
        facts = {"unit": self.unit, "function": self.function, "count": len(self._buffer)}
        return frame_error(fault, key, came=bytes(self._buffer[:16]).hex(" "), **facts)


class RtuExchange(ModbusExchange):
    """A request on a serial line.

    Bytes before the answer (line noise, the echo of an adapter) are passed over: the answer's head and CRC
    together are seven bytes that noise does not hit.
    """

    __slots__ = ("_end", "_exception_head", "_reply", "_request")

    def __init__(self, unit: int, pdu: bytes) -> None:
        super().__init__(unit, pdu)
        self._request = _RTU.encode(pdu, unit, 0)
        self._reply = bytes((unit,)) + self._head
        self._exception_head = bytes((unit, self.function | EXCEPTION_BIT))
        self._end = 0

    def begin(self, number: int) -> bytes:  # noqa: ARG002 - RTU frames carry no transaction id
        """Forget any answer and return the request's bytes."""
        self._reset()
        self._end = 0
        return self._request

    def feed(self, data: bytes) -> bool:
        """Take bytes as they come; return whether the answer is whole.

        Raises:
            FrameError: What came cannot be the answer.
        """
        self._buffer += data
        came = bytes(self._buffer[:MAX_UNMATCHED_BYTES])
        # Whatever the pieces, the frame that ends first decides.
        best: tuple[int, bytes] | None = None
        for head, size in ((self._reply, self._size + 3), (self._exception_head, 5)):
            found = self._sound_frame(came, head, size)
            if found and (best is None or found[0] < best[0]):
                best = found
        error_end, error = self._decisive_error(came)
        if error and (best is None or error_end < best[0]):
            raise error
        if best:
            self._end = best[0]
            self._take(best[1][1:-2])
            return True
        if len(self._buffer) > MAX_UNMATCHED_BYTES:
            raise self._noise()
        return False

    @staticmethod
    def _sound_frame(came: bytes, head: bytes, size: int) -> tuple[int, bytes] | None:
        start = came.find(head)
        while start >= 0 and start + size <= len(came):
            frame = came[start : start + size]
            if crc16(frame[:-2]) == frame[-2:]:
                return start + size, frame
            start = came.find(head, start + 1)
        return None

    def _decisive_error(self, came: bytes) -> tuple[int, FrameError | None]:
        """Return a frame at the start that is sound but not ours, or ours but damaged, and where it ends."""
        size = self._size + 3
        if came.startswith(self._reply):
            if len(came) >= size and crc16(came[: size - 2]) != came[size - 2 : size]:
                return size, self._damaged(came[:size])
            return 0, None
        size = rtu_frame_size(came)
        if not size or len(came) < size or crc16(came[: size - 2]) != came[size - 2 : size]:
            return 0, None
        if came[0] != self.unit:
            return size, self._wrong(Fault.WRONG_UNIT, came[0], self.unit)
        return size, self._wrong_head(came[1 : size - 2])

    def _damaged(self, frame: bytes) -> FrameError:
        found, wanted = frame[-2:].hex(" "), crc16(frame[:-2]).hex(" ")
        return self._wrong(Fault.CRC, found, wanted)

    def _noise(self) -> FrameError:
        return self._incomplete(Fault.NOISE, "no_frame")

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        came = len(self._buffer)
        if not came:
            return 5
        begun = self._buffer[: len(self._reply)]
        return max(1, self._size + 3 - came) if self._reply.startswith(begun) else 1

    def surplus(self) -> int:
        """Return how many bytes came after the answer."""
        return len(self._buffer) - self._end if self._end else 0

    def expire(self) -> FrameError:
        """Return what is wrong with what came until the time-out."""
        came = bytes(self._buffer)
        # One byte of a foreign start, or the whole length and no sound frame, is noise; a cut answer is truncated.
        cut = self._reply.startswith(came[: len(self._reply)]) or self._exception_head.startswith(came[:2])
        return super().expire() if not came or cut else self._noise()


def rtu_frame_size(frame: bytes) -> int:
    """Return the length of the answer that begins with these bytes, with CRC; 0 if they do not tell."""
    if len(frame) < 3:
        return 0
    function = frame[1]
    if function & EXCEPTION_BIT:
        return 5
    if function in _ECHOED:
        return 8
    return 5 + frame[2] if function in _READS and frame[2] + 5 <= MAX_RTU_FRAME else 0


class TcpExchange(ModbusExchange):
    """A request behind an MBAP header."""

    __slots__ = ("_expected", "_expected_tail", "_request_tail", "_total")

    def __init__(self, unit: int, pdu: bytes) -> None:
        super().__init__(unit, pdu)
        self._request_tail = _TCP.encode(pdu, unit, 0)[2:]
        self._expected_tail = struct.pack(">HHB", 0, self._size + 1, unit) + self._head
        self._expected = b"\0\0" + self._expected_tail
        self._total = 7 + self._size

    def begin(self, number: int) -> bytes:
        """Forget any answer and return the request's bytes, its transaction id the number's low 16 bits."""
        self._reset()
        transaction = (number & 0xFFFF).to_bytes(2, "big")
        self._expected = transaction + self._expected_tail
        return transaction + self._request_tail

    def feed(self, data: bytes) -> bool:
        """Take bytes as they come; return whether the answer is whole.

        Raises:
            FrameError: What came cannot be the answer.
        """
        if self._buffer or len(data) != self._total or not data.startswith(self._expected):
            self._buffer += data
            return self._feed_slowly()
        # A whole answer at once, as nearly all are: nothing comes after it, so there is nothing to keep it for.
        if self.function not in _ECHOED:
            self.payload = data[9:]
        return True

    def _feed_slowly(self) -> bool:
        came = bytes(self._buffer[:MAX_TCP_FRAME])
        self._check_header(came)
        if len(came) < 8:
            return False
        wrong = self._wrong_head(came[7:])
        if wrong:
            raise wrong
        length = int.from_bytes(came[4:6], "big")
        wanted = 3 if came[7] & EXCEPTION_BIT else self._size + 1
        if length != wanted:
            raise self._wrong(Fault.WRONG_LENGTH, f"MBAP length {length}", wanted)
        if len(came) < 6 + length:
            return False
        self._take(came[7 : 6 + length])
        return True

    def _check_header(self, came: bytes) -> None:
        """Raise for what is already wrong, in the order in which the bytes come."""
        expected = self._expected
        if not expected.startswith(came[:2]):
            self._refuse(Fault.WRONG_TRANSACTION, came[:2].hex(), expected[:2].hex())
        if not expected[2:].startswith(came[2:4]):
            self._refuse(Fault.WRONG_PROTOCOL, came[2:4].hex(), "0000")
        if len(came) >= 6 and not 3 <= int.from_bytes(came[4:6], "big") <= MAX_TCP_FRAME - 6:
            self._refuse(Fault.WRONG_LENGTH, f"MBAP length {int.from_bytes(came[4:6], 'big')}", self._size + 1)
        if len(came) >= 7 and came[6] != self.unit:
            self._refuse(Fault.WRONG_UNIT, came[6], self.unit)

    def _refuse(self, fault: Fault, found: object, wanted: object) -> NoReturn:
        raise self._wrong(fault, found, wanted)

    def missing(self) -> int:
        """Return how many bytes must still come at least."""
        return max(1, (self._total if len(self._buffer) >= 9 else 9) - len(self._buffer))

    def surplus(self) -> int:
        """Return how many bytes came after the answer."""
        if len(self._buffer) < 6:
            return 0
        return max(0, len(self._buffer) - 6 - int.from_bytes(self._buffer[4:6], "big"))
