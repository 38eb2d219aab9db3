"""Which exchange speaks which framing. Pure."""

from __future__ import annotations

from typing import Final

from drivers.base import Framing
from drivers.modbus.ascii_frames import AsciiExchange
from drivers.modbus.frames import RtuExchange, TcpExchange

ModbusRequest = RtuExchange | AsciiExchange | TcpExchange
EXCHANGES: Final[dict[Framing, type[ModbusRequest]]] = {
    "rtu": RtuExchange,
    "ascii": AsciiExchange,
    "tcp": TcpExchange,
}
