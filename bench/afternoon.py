"""The script that a user would write in an afternoon: pymodbus and paho, a task a device, no disk.

It is the named baseline of the benchmarks: `python -m bench.afternoon FIELD.json`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient


async def poll(client: Any, device: dict[str, Any], publisher: mqtt.Client, interval_s: float) -> None:
    due = time.monotonic()
    while True:
        if not client.connected:
            await client.connect()
        try:
            reply = await client.read_holding_registers(0, count=device["registers"], device_id=device["unit"])
            if not reply.isError():
                payload = {"ts": time.time_ns() // 1_000_000, "values": reply.registers}
                publisher.publish(f"field/{device['id']}", json.dumps(payload), qos=1)
        except Exception as error:  # noqa: BLE001 - what such a script does
            print(device["id"], error, file=sys.stderr)
        due += interval_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def main(field: dict[str, Any]) -> None:
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    publisher.connect("127.0.0.1", field["mqtt_port"])
    publisher.loop_start()
    serial: dict[str, Any] = {}
    tasks = []
    for device in field["devices"]:
        if "port" in device:
            client: Any = AsyncModbusTcpClient("127.0.0.1", port=device["port"], timeout=1)
        else:
            client = serial.setdefault(
                device["tty"], AsyncModbusSerialClient(device["tty"], baudrate=field["baud"], timeout=1)
            )
        tasks.append(poll(client, device, publisher, field["interval_s"]))
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
