"""From a path to everything that a collector needs: its configuration, the inventory, the rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from collector.cli.commanders import missing_keys, unknown_areas
from collector.cli.options import ConfigFailure
from collector.cli.texts import text
from config.city import City
from config.collector import CollectorConfig, InfluxStore, SqliteStore
from config.document import read_document
from config.errors import ConfigErrors, ConfigProblem
from config.loader import UnreadableFileError, load_document, resolve
from config.rules import Rule, load_rules
from config.texts import TEXTS as FINDINGS
from contract.lights import Calendar


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration whose files were read; every path in it is resolved.

    Attributes:
        findings: What is allowed, but nobody wants: a crew that nobody can reach, an address of no known service.
    """

    file: Path
    config: CollectorConfig
    city: City
    rules: tuple[Rule, ...]
    findings: tuple[ConfigProblem, ...]


def load_setup(file: Path) -> Setup:
    """Read the configuration, the inventory and the rules, and check them against each other.

    Raises:
        ConfigFailure: Everything that is wrong with any of them, each with file, line and column; exit code 3.
    """
    problems: list[ConfigProblem] = []
    config = city = rules = None
    try:
        config = resolved(load_document(file, CollectorConfig), file.parent)
        problems += _unreadable(config, file)
    except ConfigErrors as error:
        problems += error.problems
    if config is not None:
        try:
            city = load_document(config.city_file, City)
            city = _resolved_city(city, config.city_file.parent)
            problems += _unknown_crews(config, city, file)
            problems += _schedule_problems(city, config.city_file)
            problems += unknown_areas(config, city, file)
        except UnreadableFileError as error:
            message = FINDINGS.text("named_file", file=config.city_file, reason=error.reason)
            problems.append(_problem(file, ("city_file",), message))
        except ConfigErrors as error:
            problems += error.problems
        try:
            rules = load_rules(config.rule_files)
        except ConfigErrors as error:
            problems += error.problems
    if problems or config is None or city is None or rules is None:
        raise ConfigFailure("\n".join(str(problem) for problem in sorted(problems)))
    findings = (
        *_silent_crews(config, city, file),
        *_unknown_services(config, file),
        *missing_keys(config, city, file),
    )
    return Setup(file, config, city, rules, findings)


def load_config(file: Path) -> CollectorConfig:
    """Read the configuration alone, for commands that look at what the collector wrote.

    Raises:
        ConfigFailure: Everything that is wrong with it; exit code 3.
    """
    try:
        return resolved(load_document(file, CollectorConfig), file.parent)
    except ConfigErrors as error:
        raise ConfigFailure(str(error)) from error


def resolved(config: CollectorConfig, base: Path) -> CollectorConfig:
    """Return the configuration with every path taken from the folder of its file."""
    mqtt, store = config.mqtt, config.store
    tls = mqtt.tls
    if tls is not None:
        paths = {name: _at(base, getattr(tls, name)) for name in ("ca_file", "cert_file", "key_file")}
        tls = tls.model_copy(update=paths)
    if isinstance(store, SqliteStore):
        new_store: SqliteStore | InfluxStore = store.model_copy(update={"file": _at(base, store.file)})
    else:
        files = {name: _at(base, getattr(store, name)) for name in ("password_file", "ca_file")}
        new_store = store.model_copy(update=files)
    notify = tuple(
        crew.model_copy(
            update={
                "channels": tuple(
                    channel.model_copy(update={"url_file": _at(base, channel.url_file)}) for channel in crew.channels
                )
            }
        )
        for crew in config.notify
    )
    rule_files = None if config.rule_files is None else tuple(resolve(base, path) for path in config.rule_files)
    return config.model_copy(
        update={
            "city_file": resolve(base, config.city_file),
            "state_dir": resolve(base, config.state_dir),
            "mqtt": mqtt.model_copy(update={"tls": tls, "password_file": _at(base, mqtt.password_file)}),
            "store": new_store,
            "notify": notify,
            "rule_files": rule_files,
            "commands": config.commands.model_copy(
                update={
                    "keys_folder": _at(base, config.commands.keys_folder),
                    "socket": _at(base, config.commands.socket),
                }
            ),
        }
    )


def _at(base: Path, path: Path | None) -> Path | None:
    return None if path is None else resolve(base, path)


def _resolved_city(city: City, base: Path) -> City:
    cabinets = tuple(
        cabinet.model_copy(
            update={
                "calendar_file": _at(base, cabinet.calendar_file),
                "schedule_file": _at(base, cabinet.schedule_file),
            }
        )
        for cabinet in city.cabinets
    )
    return city.model_copy(
        update={
            "calendar_file": _at(base, city.calendar_file),
            "schedule_file": _at(base, city.schedule_file),
            "cabinets": cabinets,
        }
    )


def _problem(file: Path, keys: tuple[str | int, ...], message: str) -> ConfigProblem:
    mark = read_document(file.read_text("utf-8"), file).mark(keys)
    return ConfigProblem(file, mark.line + 1, mark.column + 1, message)


def _unreadable(config: CollectorConfig, file: Path) -> list[ConfigProblem]:
    """Find the files that hold secrets or certificates and cannot be read."""
    named: list[tuple[tuple[str | int, ...], Path | None]] = [(("mqtt", "password_file"), config.mqtt.password_file)]
    if config.mqtt.tls is not None:
        tls = config.mqtt.tls
        named += [(("mqtt", "tls", name), getattr(tls, name)) for name in ("ca_file", "cert_file", "key_file")]
    if isinstance(config.store, InfluxStore):
        named += [(("store", name), getattr(config.store, name)) for name in ("password_file", "ca_file")]
    for number, crew in enumerate(config.notify):
        for index, channel in enumerate(crew.channels):
            named.append((("notify", number, "channels", index, "url_file"), channel.url_file))
    problems: list[ConfigProblem] = []
    for keys, path in named:
        if path is None:
            continue
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            problems.append(_problem(file, keys, text("file_missing", path=path, error=error.strerror)))
    return problems


def _unknown_crews(config: CollectorConfig, city: City, file: Path) -> list[ConfigProblem]:
    known = [crew.id for crew in city.crews]
    return [
        _problem(
            file,
            ("notify", number, "crew"),
            text("unknown_crew", crew=channels.crew, city_file=config.city_file, known=", ".join(known)),
        )
        for number, channels in enumerate(config.notify)
        if channels.crew not in known
    ]


def _schedule_problems(city: City, city_file: Path) -> list[ConfigProblem]:
    named: dict[Path, tuple[str | int, ...]] = {}
    if city.calendar is not None:
        named[city.calendar] = ("calendar_file" if city.calendar_file else "schedule_file",)
    for number, cabinet in enumerate(city.cabinets):
        if cabinet.calendar is not None:
            key = "calendar_file" if cabinet.calendar_file else "schedule_file"
            named.setdefault(cabinet.calendar, ("cabinets", number, key))
    problems: list[ConfigProblem] = []
    for path, keys in named.items():
        try:
            load_document(path, Calendar)
        except UnreadableFileError as error:
            problems.append(_problem(city_file, keys, FINDINGS.text("named_file", file=path, reason=error.reason)))
        except ConfigErrors as error:
            problems += error.problems
    return problems


def _silent_crews(config: CollectorConfig, city: City, file: Path) -> list[ConfigProblem]:
    reachable = {channels.crew for channels in config.notify}
    cabinets = Counter(cabinet.crew for cabinet in city.cabinets)
    return [
        _problem(file, ("notify",), text("crew_without_channels", crew=crew, cabinets=count))
        for crew, count in sorted(cabinets.items())
        if crew not in reachable
    ]


def _unknown_services(config: CollectorConfig, file: Path) -> list[ConfigProblem]:
    """Find the channels that could never deliver a message; their URLs are not shown, since they may be secrets."""
    # Not needed by commands that only look at what was written.
    from collector.shell.notify import channel_url
    from collector.shell.notify_sender import understood

    named = [
        (
            crew,
            ("notify", number, "channels", index, "url_file" if channel.url is None else "url"),
            channel_url(channel),
        )
        for number, crew in enumerate(config.notify)
        for index, channel in enumerate(crew.channels)
    ]
    if not named:
        return []
    answers = understood([url for _, _, url in named])
    return [
        _problem(file, keys, text("unknown_service", crew=crew.crew))
        for (crew, keys, _), is_understood in zip(named, answers, strict=True)
        if not is_understood
    ]
