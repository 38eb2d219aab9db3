"""Maintenance of devices: announced by a command or a switch, kept over a restart, written into the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import structlog

from config.quality import MaintenanceSwitch
from contract.reading import BAD_CAUSES, Block, Cause
from edge_agent.core.upkeep import LONGEST_MS, Switch, Upkeep, UpkeepBoard
from edge_agent.shell.clock import GatewayClock
from edge_agent.shell.devices import Device, Fleet
from edge_agent.shell.whole_file import replace_whole

MAX_FILE_BYTES: Final = 2 * 1024 * 1024
"""More than all devices of a gateway with the longest reasons take."""
MAX_REASON: Final = 200
MAX_BY: Final = 64
TICK_S: Final = 1.0
_log = structlog.get_logger("maintenance")


class UpkeepFile:
    """What must survive a restart: one small file, replaced whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> tuple[list[Upkeep], dict[str, bool]]:
        """Return what was announced, and the switches' last levels; a damaged file is moved aside."""
        try:
            with self._file.open("rb") as opened:
                content = json.loads(opened.read(MAX_FILE_BYTES + 1))
            upkeeps = [_upkeep(one) for one in content["upkeeps"]]
            levels = {str(point): bool(level) for point, level in content["levels"].items()}
        except FileNotFoundError:
            return [], {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.exception("maintenance cannot be read", file=str(self._file), error=str(error))
            with contextlib.suppress(OSError):
                self._file.replace(self._file.with_suffix(".damaged"))
            return [], {}
        return upkeeps, levels

    def save(self, upkeeps: Sequence[Upkeep], levels: dict[str, bool]) -> None:
        """Put all on the disk, for certain.

        Raises:
            OSError: The disk refuses.
        """
        text = json.dumps({"version": 1, "upkeeps": [asdict(one) for one in upkeeps], "levels": levels})
        replace_whole(self._file, text)


def _upkeep(kept: dict[str, Any]) -> Upkeep:
    upkeep = Upkeep(
        device=str(kept["device"]),
        since_ms=int(kept["since_ms"]),
        duration_ms=int(kept["duration_ms"]),
        reason=str(kept["reason"]),
        by=str(kept["by"]),
    )
    if not 0 < upkeep.duration_ms <= LONGEST_MS:
        raise ValueError("no duration")
    return upkeep


class UpkeepDesk:
    """Takes announcements and says on whom somebody works.

    Attributes:
        board: Who works on what now.
    """

    def __init__(
        self, *, switches: Sequence[MaintenanceSwitch], known: Collection[str], file: Path, clock: GatewayClock
    ) -> None:
        """Continue from the disk.

        Args:
            switches: The inputs that announce work.
            known: The devices that there are; what is kept of others is dropped.
            file: Where announcements are kept.
            clock: The gateway's clocks.
        """
        self.board = UpkeepBoard(tuple(Switch(one.switch, frozenset(one.devices), one.active) for one in switches))
        self._known = known
        self._clock = clock
        self._file = UpkeepFile(file)
        self._inputs: dict[str, list[tuple[str, str]]] = {}
        for one in switches:
            device, _, key = one.switch.partition("/")
            self._inputs.setdefault(device, []).append((key, one.switch))
        upkeeps, levels = self._file.load()
        for upkeep in upkeeps:
            if upkeep.device in known:
                self.board.resume(upkeep, wall_ms=clock.wall_ms(), monotonic_ms=clock.monotonic_ms())
        for point, level in levels.items():
            self.board.seen(point, level)
        self._kept = (upkeeps, levels)
        self._turn = asyncio.Lock()
        for upkeep in self.board.upkeeps():
            _log.warning("maintenance goes on after a restart", **asdict(upkeep))

    def observe(self, device: Device, block: Block) -> None:
        """Take what a poll shows of the switches."""
        for key, point in self._inputs.get(device.id, ()):
            if key not in block.keys or block.causes.get(key, Cause.OK) in BAD_CAUSES:
                continue
            value = block.values[block.keys.index(key)]
            switch = self.board.seen(point, bool(value)) if value is not None else None
            if switch is not None:
                event = "maintenance begins" if self.board.is_on(switch) else "maintenance ends"
                _log.warning(event, switch=point, devices=sorted(switch.devices))

    async def announce(self, request: dict[str, Any]) -> dict[str, Any]:
        """Begin or end maintenance as a request of the control socket wants; it is on the disk before the answer."""
        device, by = str(request.get("device")), str(request.get("by") or "").strip()
        if device not in self._known:
            return {"error": f"no device '{device[:64]}'", "problem": "no_device"}
        if not 0 < len(by) <= MAX_BY:
            return {"error": f"by: 1 to {MAX_BY} characters", "problem": "by"}
        if request.get("end"):
            ended = self.board.end(device)
            if ended is None:
                return {"error": f"no maintenance of '{device}' was announced", "problem": "none_announced"}
            _log.warning("maintenance ends", device=device, by=by)
        else:
            reason, for_s = str(request.get("reason") or "").strip(), request.get("for_s")
            if not 0 < len(reason) <= MAX_REASON:
                return {"error": f"reason: 1 to {MAX_REASON} characters", "problem": "reason"}
            if not isinstance(for_s, int) or not 0 < for_s * 1000 <= LONGEST_MS:
                return {"error": f"for: 1 s to {LONGEST_MS // 1000} s", "problem": "duration"}
            upkeep = Upkeep(
                device=device, since_ms=self._clock.wall_ms(), duration_ms=for_s * 1000, reason=reason, by=by
            )
            self.board.begin(upkeep, self._clock.monotonic_ms())
            _log.warning("maintenance begins", **asdict(upkeep))
        kept = await self._keep()
        return {"ok": True, "device": device, "kept": kept, "maintenance": self.status()}

    async def run(self) -> None:
        """End what is over, and keep what changed, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """End what is over, and keep what changed."""
        for upkeep in self.board.expire(self._clock.monotonic_ms()):
            _log.warning("maintenance ends", device=upkeep.device, by="its time was over")
        if (self.board.upkeeps(), dict(self.board.levels())) != self._kept:
            await self._keep()

    async def _keep(self) -> bool:
        async with self._turn:
            kept = (self.board.upkeeps(), dict(self.board.levels()))
            try:
                await asyncio.to_thread(self._file.save, *kept)
            except OSError as error:
                # The next tick tries again; meanwhile it holds in memory.
                _log.exception("maintenance not kept", error=str(error))
                return False
            self._kept = kept
            return True

    def status(self) -> list[dict[str, object]]:
        """Return what `edge-agent status` shows: each device that somebody works on."""
        monotonic_ms = self._clock.monotonic_ms()
        told: list[dict[str, object]] = [
            {
                "device": one.device,
                "left_s": self.board.left_ms(one.device, monotonic_ms) // 1000,
                "reason": one.reason,
                "by": one.by,
            }
            for one in self.board.upkeeps()
        ]
        for switch in self.board.switches:
            if self.board.is_on(switch):
                told += [{"device": device, "switch": switch.point} for device in sorted(switch.devices)]
        return told


def check_switches(switches: Sequence[MaintenanceSwitch], fleet: Fleet) -> None:
    """Refuse a switch that is no input of a polled device.

    Raises:
        ValueError: The message names it.
    """
    for one in switches:
        located = fleet.locate(one.switch)
        if located is None:
            raise ValueError(f"maintenance: there is no point '{one.switch}'")
        if located[1].spec.kind != "bool":
            raise ValueError(f"maintenance: '{one.switch}' is a {located[1].spec.kind}, no input")
