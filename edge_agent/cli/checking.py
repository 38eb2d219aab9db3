"""`edge-agent check`: every mistake of the configuration and of the files it names, each at its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from config.adjust import why_not
from config.agent import AgentConfig, DeviceConfig, SerialLine
from config.document import Document, Location, read_document
from config.errors import ConfigErrors, ConfigProblem
from config.loader import UnreadableFileError, load_document, no_such
from config.profile import InstrumentProfile, ModbusProfile, load_profile, shipped_profiles
from config.setup import setting_problems
from config.terminal import for_stream
from config.texts import TEXTS as FINDINGS
from contract.lights import Calendar, Period, lamps_due, next_change_ms
from drivers.registry import device_points
from edge_agent.cli.checking_field import Profiles, Severity, check_counters, check_instruments
from edge_agent.cli.checking_lights import check_lights, strange_circuits
from edge_agent.cli.checking_lines import check_lines, tls_files
from edge_agent.cli.checking_quality import check_quality
from edge_agent.cli.checking_size import check_description
from edge_agent.cli.exit_codes import ExitCode
from edge_agent.cli.output import print_json, print_lines, say
from edge_agent.cli.words import TEXTS
from edge_agent.shell.command_key import KeyFileError, read_key
from edge_agent.shell.configuration import load_config
from edge_agent.shell.control import ControlError, socket_path

_YEAR_2026_MS = 1_767_225_600_000
LAST_FREE_UNIT = 247
"""Modbus over serial line V1.02, 2.2: 248 to 255 are reserved, 0 is the broadcast."""


@dataclass(slots=True)
class Findings:
    """What a check has found, in the order of the files."""

    problems: list[tuple[Severity, ConfigProblem]] = field(default_factory=list)

    def errors(self, error: ConfigErrors) -> None:
        """Take all problems of a file."""
        self.problems += [("error", problem) for problem in error.problems]

    def at(self, severity: Severity, document: Document, location: Location, message: str) -> None:
        """Take one finding at a place of the main file."""
        mark = document.mark(location)
        problem = ConfigProblem(document.file, mark.line + 1, mark.column + 1, message)
        self.problems.append((severity, problem))

    def count(self, severity: Severity) -> int:
        """Return how many there are of a severity."""
        return sum(kind == severity for kind, _ in self.problems)


def check_command(config_file: Path, *, as_json: bool) -> ExitCode:
    """Check, print, and return 3 for errors, 1 for warnings alone, 0 for nothing."""
    findings = Findings()
    config, points = None, 0
    try:
        config = load_config(config_file)
    except ConfigErrors as error:
        findings.errors(error)
    if config is not None:
        document = read_document(config_file.read_text("utf-8"), config_file)
        points = _check_devices(config, document, findings)
        _check_files(config, document, findings)
        _check_machine(config, document, findings)
        if not findings.count("error"):
            check_description(
                config, config_file, points, lambda severity, place, text: findings.at(severity, document, place, text)
            )
    _print(config_file, config, points, findings, as_json=as_json)
    if findings.count("error"):
        return ExitCode.CONFIG
    return ExitCode.FINDING if findings.problems else ExitCode.OK


def _check_devices(config: AgentConfig, document: Document, findings: Findings) -> int:
    """Check the profiles and how devices use them; return how many points there are."""
    count = 0
    profiles: dict[str, ModbusProfile | InstrumentProfile | None] = {}
    devices = [device.id for device in config.devices]
    for number, allowed in enumerate(config.commands.allow):
        name = allowed.point.partition("/")[0]
        if name not in devices:
            message = no_such("device", name, devices)
            findings.at("error", document, ("commands", "allow", number, "point"), message)
    for index, device in enumerate(config.devices):
        location: Location = ("devices", index)
        if device.profile not in profiles:
            profiles[device.profile] = _profile(device.profile, document, (*location, "profile"), findings)
        profile = profiles[device.profile]
        if profile is None:
            continue
        known = [point.key for point in profile.specs]
        wrong = [((*location, "names", key), key) for key in device.names if key not in known]
        wrong += [((*location, "adjust", key), key) for key in device.adjust if key not in known]
        wrong += [((*location, "points", at), key) for at, key in enumerate(device.points or ()) if key not in known]
        for place, key in wrong:
            findings.at("error", document, place, no_such("point", key, known))
        _check_fitting(device, profile, location, document, findings)
        if wrong or _check_adjust(device, profile, location, document, findings):
            continue
        try:
            points = device_points(device, profile)
        except ValueError:
            names = [device.named(key) for key in device.points or known]
            repeated = ", ".join(sorted({name for name in names if names.count(name) > 1}))
            findings.at("error", document, location, FINDINGS.text("points_named_twice", names=repeated))
            continue
        count += len(points)
        _check_allowed(
            config, device.id, {point.key: point.spec.can_be_written for point in points}, document, findings
        )

    def tell(severity: Severity, place: Location, message: str) -> None:
        findings.at(severity, document, place, message)

    check_instruments(config, profiles, tell)
    check_counters(config, profiles, tell)
    check_quality(config, profiles, tell)
    check_lines(config, profiles, tell)
    check_lights(config, profiles, tell)
    _check_units(config, profiles, document, findings)
    return count


def _check_fitting(
    device: DeviceConfig,
    profile: ModbusProfile | InstrumentProfile,
    location: Location,
    document: Document,
    findings: Findings,
) -> None:
    """Check what a device must say of its modules, and what it chooses of its own settings."""
    if profile.modular and device.points is None:
        findings.at("error", document, location, FINDINGS.text("modular", profile=profile.profile))
    if device.setup and not isinstance(profile, ModbusProfile):
        findings.at("error", document, (*location, "setup"), FINDINGS.text("no_setup", profile=profile.profile))
    elif isinstance(profile, ModbusProfile):
        for key, problem in setting_problems(profile, device.setup):
            findings.at("error", document, (*location, "setup", key), problem)


def _check_adjust(
    device: DeviceConfig,
    profile: ModbusProfile | InstrumentProfile,
    location: Location,
    document: Document,
    findings: Findings,
) -> bool:
    """Check that what the place makes of values can be made of them; return whether something is wrong."""
    wrong = [(key, reason) for key, adjust in device.adjust.items() for reason in why_not(adjust, profile.point(key))]
    for key, reason in wrong:
        findings.at("error", document, (*location, "adjust", key), reason)
    return bool(wrong)


def _check_allowed(
    config: AgentConfig, device: str, writable: dict[str, bool], document: Document, findings: Findings
) -> None:
    """Check that what commands may write of a device is there and can be written."""
    for number, allowed in enumerate(config.commands.allow):
        name, _, key = allowed.point.partition("/")
        if name == device and not writable.get(key, False):
            message = FINDINGS.text("not_writable", point=allowed.point)
            if key not in writable:
                message = no_such("point", key, list(writable))
            findings.at("error", document, ("commands", "allow", number, "point"), message)


def _check_units(config: AgentConfig, profiles: Profiles, document: Document, findings: Findings) -> None:
    """Warn of unit ids that no device answers to, or two."""
    serial = {line.id for line in config.lines if isinstance(line, SerialLine)}
    owners: dict[tuple[str, int], str] = {}
    for index, device in enumerate(config.devices):
        place: Location = ("devices", index, "unit")
        if isinstance(profiles.get(device.profile), InstrumentProfile):
            continue
        if device.line in serial and device.unit == 0:
            findings.at("warning", document, place, FINDINGS.text("unit_broadcast"))
        elif device.line in serial and device.unit > LAST_FREE_UNIT:
            findings.at("warning", document, place, FINDINGS.text("unit_reserved", unit=device.unit))
        owner = owners.setdefault((device.line, device.unit), device.id)
        if owner != device.id:
            message = FINDINGS.text("unit_twice", unit=device.unit, line=device.line, device=owner)
            findings.at("warning", document, place, message)


def _profile(
    name: str, document: Document, location: Location, findings: Findings
) -> ModbusProfile | InstrumentProfile | None:
    is_file = "/" in name or name.endswith(".yaml")
    if not is_file and name not in shipped_profiles():
        findings.at("error", document, location, no_such("profile", name, list(shipped_profiles())))
        return None
    try:
        return load_profile(name, document.file.absolute().parent)
    except UnreadableFileError as error:
        findings.at("error", document, location, FINDINGS.text("named_file", file=name, reason=error.reason))
    except ConfigErrors as error:
        findings.errors(error)
    return None


def _check_files(config: AgentConfig, document: Document, findings: Findings) -> None:
    if config.lighting and config.place:
        file = config.lighting.schedule_file
        try:
            schedule = load_document(file, Calendar)
        except UnreadableFileError as error:
            message = FINDINGS.text("named_file", file=file, reason=error.reason)
            findings.at("error", document, ("lighting", "schedule_file"), message)
        except ConfigErrors as error:
            findings.errors(error)
        else:
            for program, number in _never_on(schedule, config):
                problem = ConfigProblem(file, 1, 1, TEXTS.text("never_on", program=program, number=number))
                findings.problems.append(("warning", problem))
            strange = strange_circuits(schedule, config.lighting)
            if strange:
                own = ", ".join(circuit.id for circuit in config.lighting.switched)
                message = FINDINGS.text("levels_of_others", names=", ".join(strange), own=own)
                findings.problems.append(("warning", ConfigProblem(file, 1, 1, message)))
    if config.commands.key_file:
        try:
            read_key(config.commands.key_file)
        except KeyFileError as error:
            findings.at("error", document, ("commands", "key_file"), str(error))
    elif config.commands.allow and not config.lighting:
        findings.at("warning", document, ("commands",), TEXTS.text("no_key"))
    for where, path in _secret_files(config):
        if path is not None and not path.is_file():
            reason = FINDINGS.text("no_such_file")
            findings.at("error", document, where, FINDINGS.text("named_file", file=path, reason=reason))


def _secret_files(config: AgentConfig) -> Iterator[tuple[Location, Path | None]]:
    yield ("mqtt", "password_file"), config.mqtt.password_file
    if config.mqtt.tls:
        yield ("mqtt", "tls", "ca_file"), config.mqtt.tls.ca_file
        yield ("mqtt", "tls", "cert_file"), config.mqtt.tls.cert_file
        yield ("mqtt", "tls", "key_file"), config.mqtt.tls.key_file
    yield from tls_files(config)


def _never_on(schedule: Calendar, config: AgentConfig) -> Iterator[tuple[str, int]]:
    """Yield the program and the number of periods that switch nothing on in a whole year."""
    if config.place is None:
        return
    for program in schedule.all_programs:
        for number, period in enumerate(program.periods, start=1):
            alone = Calendar(periods=(Period(on=period.on, off=period.off),))
            changes = next_change_ms(alone, config.place, _YEAR_2026_MS) is not None
            if not changes and not lamps_due(alone, config.place, _YEAR_2026_MS):
                yield program.id, number


def _check_machine(config: AgentConfig, document: Document, findings: Findings) -> None:
    try:
        socket_path(config.runtime_dir)
    except ControlError as error:
        findings.at("error", document, ("runtime_dir",), str(error))


def _print(file: Path, config: AgentConfig | None, points: int, findings: Findings, *, as_json: bool) -> None:
    if as_json:
        print_json(
            "check",
            ok=not findings.problems,
            file=str(file),
            findings=[
                {
                    "severity": severity,
                    "file": str(problem.file),
                    "line": problem.line,
                    "column": problem.column,
                    "message": problem.message,
                }
                for severity, problem in findings.problems
            ],
        )
        return
    print_lines(
        for_stream(
            f"{problem.file}:{problem.line}:{problem.column}: {TEXTS.text(severity)}: {problem.message}", sys.stdout
        )
        for severity, problem in findings.problems
    )
    if findings.problems:
        say(TEXTS.text("check_counts", errors=findings.count("error"), warnings=findings.count("warning")))
    elif config is not None:
        counts = {"devices": len(config.devices), "lines": len(config.lines), "points": points}
        print_lines([TEXTS.text("check_good", file=file, **counts)])
