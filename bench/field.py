"""A field of Modbus TCP devices in one cheap process: `python -m bench.field DEVICES [SILENT]` prints ports.

Register r of every device reads (r * 7 + seconds) mod 65536, so that values change as fast as they are polled. The
last SILENT devices accept connections and answer nothing.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from functools import lru_cache


class Device(asyncio.Protocol):
    """Answers function 3 and 4 reads of up to 125 registers, whole requests only."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 12:
            transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", self.buffer[:12])
            self.buffer = self.buffer[12:]
            body = answer(unit, function, address, count, int(time.time()))
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.write(struct.pack(">HHH", transaction, 0, len(body)) + body)


@lru_cache(maxsize=64)
def answer(unit: int, function: int, address: int, count: int, seconds: int) -> bytes:
    """Return what follows the header; made once a second, so that the field takes no core from those it serves."""
    values = [(register * 7 + seconds) & 0xFFFF for register in range(address, address + count)]
    return struct.pack(f">BBB{count}H", unit, function, 2 * count, *values)


class SilentDevice(asyncio.Protocol):
    """Takes everything, answers nothing."""


async def main(devices: int, silent: int = 0) -> None:
    loop = asyncio.get_running_loop()
    kinds = [Device] * (devices - silent) + [SilentDevice] * silent
    servers = [await loop.create_server(kind, "127.0.0.1", 0, backlog=64) for kind in kinds]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
