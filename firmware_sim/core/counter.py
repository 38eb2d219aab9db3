"""A device whose every register is known beforehand, so that a wrong or mixed-up value is seen at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from firmware_sim.core.server import ILLEGAL_ADDRESS, READ_HOLDING, READ_INPUT_REGISTERS, Device, Refusal

CounterMode = Literal["counter", "fixed"]


def fixed_value(unit: int, register: int) -> int:
    """Return what register `register` of unit `unit` always reads in fixed mode."""
    return (unit * 1000 + register) & 0xFFFF


def counter_value(unit: int, register: int, read_number: int) -> int:
    """Return what a register reads in the device's `read_number`-th read (from 1) in counter mode.

    All registers of one answer give the same `read_number` back: (value - unit * 4099 - register * 257)
    modulo 65536. An answer taken for another request's gives a number that was never due.
    """
    return (unit * 4099 + register * 257 + read_number) & 0xFFFF


class Counter(Device):
    """Registers 0 to `registers` - 1, the same through functions 3 and 4."""

    functions: ClassVar[frozenset[int]] = frozenset({READ_HOLDING, READ_INPUT_REGISTERS})

    def __init__(self, unit: int, *, mode: CounterMode = "counter", registers: int = 10000) -> None:
        self.unit = unit
        self.mode = mode
        self.registers = registers
        self.reads = 0

    def read_words(self, function: int, address: int, count: int, now_s: float) -> Sequence[int]:
        """Return known values; each call counts as one read."""
        del function, now_s
        if address + count > self.registers:
            raise Refusal(ILLEGAL_ADDRESS)
        self.reads += 1
        wanted = range(address, address + count)
        if self.mode == "fixed":
            return [fixed_value(self.unit, register) for register in wanted]
        return [counter_value(self.unit, register, self.reads) for register in wanted]
