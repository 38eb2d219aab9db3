"""`edge-agent setup`: a device's own settings against those that its profile wants, written only if told to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.agent import AgentConfig, DeviceConfig
from config.errors import ConfigErrors
from config.language import process_language
from config.profile import ModbusProfile, load_profile
from config.setup import setting_problems
from drivers.base import Line
from drivers.errors import DriverError, UnsupportedError
from drivers.modbus.setup import Setting, SetupDriver, is_missing
from drivers.registry import open_line
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import fail, print_json, print_lines, say
from edge_agent.cli.profile_check import columns
from edge_agent.cli.profile_pages import settings_lines, wanted_text
from edge_agent.cli.reading import is_port_busy
from edge_agent.cli.words import TEXTS, cause_text
from edge_agent.shell.clock import SystemClock
from edge_agent.shell.configuration import load_config
from edge_agent.shell.control import ControlError, ask, socket_path

ASK_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Outcome:
    """What a run found and did.

    Attributes:
        settings: As they were found.
        after: Those that were written, by key, as they were read back.
        failed: Why others were not.
    """

    settings: tuple[Setting, ...]
    after: dict[str, Setting] = field(default_factory=dict)
    failed: dict[str, DriverError] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many settings are not as wanted now."""
        return sum(not self.after.get(one.point.key, one).agrees for one in self.settings)


def setup_command(config_file: Path, device_id: str, *, write: bool, as_json: bool) -> ExitCode:
    """Compare, write if told to, print.

    Returns:
        0 if all settings are as wanted now, 1 if some are not, 3 for a wrong configuration, 4 if the agent or another
        program holds the line, 5 if the device does not answer, 7 if it is another device and nothing was written.
    """
    try:
        config = load_config(config_file)
        device, profile = _device(config, config_file.absolute().parent, device_id, as_json=as_json)
        running = ask(socket_path(config.runtime_dir), {"op": "status"}, ASK_TIMEOUT_S)
    except ConfigErrors as error:
        fail(ExitCode.CONFIG, str(error), "setup", as_json=as_json)
    except ControlError as error:
        fail(ExitCode.PORT_BUSY, str(error), "setup", as_json=as_json)
    if running is not None:
        # Not through the agent: while the settings are written, nothing else may move this device's relays.
        fail(ExitCode.PORT_BUSY, TEXTS.text("setup_running"), "setup", as_json=as_json)
    line_config = next(line for line in config.lines if line.id == device.line)
    try:
        outcome = asyncio.run(_run(device, profile, open_line(line_config, SystemClock()), write=write))
    except UnsupportedError as error:
        text = TEXTS.text("setup_other_device", error=error.text(process_language()))
        fail(ExitCode.REFUSED_FOR_SAFETY, text, "setup", as_json=as_json)
    except ValueError as error:
        fail(ExitCode.CONFIG, str(error), "setup", as_json=as_json)
    except DriverError as error:
        code = ExitCode.PORT_BUSY if is_port_busy(error) else ExitCode.NO_ANSWER
        fail(code, error.text(process_language()), "setup", as_json=as_json)
    if as_json:
        rows = [_facts(one, outcome) for one in outcome.settings]
        print_json("setup", ok=not outcome.left, device=device.id, written=sorted(outcome.after), settings=rows)
    else:
        print_lines(_table(outcome))
        _say_left(device.id, outcome, write=write)
    return ExitCode.FINDING if outcome.left else ExitCode.OK


def _device(config: AgentConfig, base: Path, device_id: str, *, as_json: bool) -> tuple[DeviceConfig, ModbusProfile]:
    device = next((one for one in config.devices if one.id == device_id), None)
    if device is None:
        known = ", ".join(one.id for one in config.devices)
        fail(ExitCode.USAGE, TEXTS.text("no_device", device=device_id, known=known), "setup", as_json=as_json)
    profile = load_profile(device.profile, base)
    if not isinstance(profile, ModbusProfile) or not profile.setup:
        text = TEXTS.text("setup_none", profile=profile.profile, device=device.id)
        fail(ExitCode.USAGE, text, "setup", as_json=as_json)
    for key, problem in setting_problems(profile, device.setup):
        fail(ExitCode.CONFIG, f"{device.id}: setup: {key}: {problem}", "setup", as_json=as_json)
    return device, profile


async def _run(device: DeviceConfig, profile: ModbusProfile, line: Line, *, write: bool) -> Outcome:
    """Compare, and write what differs, in the order of the profile.

    A setting that could not be written ends it: those that follow may rest on it.

    Raises:
        UnsupportedError: It is another device.
        DriverError: It does not answer.
    """
    setup = SetupDriver(device, profile, line, SystemClock())
    try:
        await setup.prove()
        outcome = Outcome(await setup.read())
        for setting in outcome.settings if write else ():
            if setting.agrees or is_missing(setting):
                continue
            try:
                after = await setup.write(setting)
            except DriverError as error:
                outcome.failed[setting.point.key] = error
                break
            outcome.after[setting.point.key] = after
            if not after.agrees:
                break
        return outcome
    finally:
        await line.close()


def _remark(setting: Setting, outcome: Outcome) -> str:
    key = setting.point.key
    if key in outcome.failed:
        return TEXTS.text("setup_failed", error=outcome.failed[key].text(process_language()))
    if key in outcome.after:
        return TEXTS.text("setup_written" if outcome.after[key].agrees else "setup_not_kept")
    if setting.agrees:
        return TEXTS.text("setup_agrees")
    if is_missing(setting):
        return TEXTS.text("setup_missing")
    if setting.found is None:
        return TEXTS.text("setup_unread", cause=cause_text(setting.cause))
    return TEXTS.text("setup_differs")


def _table(outcome: Outcome) -> list[str]:
    rows = [[TEXTS.text(f"column_{name}") for name in ("setting", "found", "wanted", "remark")]]
    for one in outcome.settings:
        found = "-" if one.found is None else str(one.found)
        if isinstance(one.found, bool):
            found = TEXTS.text("on" if one.found else "off")
        rows.append([one.point.key, found, wanted_text(one.wanted), _remark(one, outcome)])
    return [*columns(rows), *settings_lines([one.wanted for one in outcome.settings if not one.agrees])]


def _say_left(device: str, outcome: Outcome, *, write: bool) -> None:
    count = len(outcome.settings)
    if not outcome.left:
        say(TEXTS.text("setup_good", device=device, count=count))
    else:
        key = "setup_left_after" if write else "setup_left"
        say(TEXTS.text(key, device=device, count=outcome.left, all=count))


def _facts(setting: Setting, outcome: Outcome) -> dict[str, Any]:
    after = outcome.after.get(setting.point.key)
    failed = outcome.failed.get(setting.point.key)
    return {
        "setting": setting.point.key,
        "found": setting.found,
        "cause": str(setting.cause),
        "wanted": setting.wanted.want,
        "written": after is not None,
        "after": after.found if after else None,
        "error": failed.text(process_language()) if failed else None,
        "agrees": (after or setting).agrees,
    }
