"""An agent's configuration with all files that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.agent import AgentConfig
from config.loader import read_text
from contract.lights import Calendar
from edge_agent.shell.command_key import read_key
from edge_agent.shell.configuration import config_of
from edge_agent.shell.last_good import keep_last_good, last_good
from edge_agent.shell.schedule_file import ScheduleFile


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An agent's configuration with the files that it names.

    Attributes:
        file: The operator's file.
        text: What was read, from the file or from its last good copy.
        problem: Why the last good copy is used, the file's first finding; None while the file is.
    """

    file: Path
    text: str
    config: AgentConfig
    base: Path
    schedule: Calendar | None
    schedule_file: ScheduleFile | None
    key: bytes | None
    problem: str | None = None

    def keep(self) -> None:
        """Keep the file for the day when it is broken; called once an agent could be built from it."""
        if self.problem is None:
            keep_last_good(self.file, self.text, self.config.state_dir)


def load(config_file: Path) -> Loaded:
    """Read an agent's configuration, its schedule and its command key.

    Raises:
        ConfigErrors: Anything in the files is wrong.
        KeyFileError: The command key cannot be used.
    """
    text = read_text(config_file)
    return _with_files(config_file, text, config_of(text, config_file))


def load_last_good(config_file: Path, problem: str) -> Loaded:
    """Read the last good copy of a file that is wrong, and the files that it names.

    Raises:
        ConfigErrors: There is none, or what it names is wrong.
        KeyFileError: The command key cannot be used.
    """
    config, text = last_good(config_file)
    return _with_files(config_file, text, config, problem)


def _with_files(file: Path, text: str, config: AgentConfig, problem: str | None = None) -> Loaded:
    schedule_file = ScheduleFile(config.lighting.schedule_file, config.state_dir) if config.lighting else None
    schedule = schedule_file.load() if schedule_file else None
    key = read_key(config.commands.key_file) if config.commands.key_file else None
    return Loaded(
        file=file,
        text=text,
        problem=problem,
        config=config,
        base=file.absolute().parent,
        schedule=schedule,
        schedule_file=schedule_file,
        key=key,
    )
