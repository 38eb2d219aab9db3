"""An agent's configuration with all files that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.agent import AgentConfig
from contract.schedule import Schedule
from edge_agent.shell.commands import read_key
from edge_agent.shell.configuration import load_config
from edge_agent.shell.schedule_file import ScheduleFile


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An agent's configuration with the files that it names."""

    config: AgentConfig
    base: Path
    schedule: Schedule | None
    schedule_file: ScheduleFile | None
    key: bytes | None


def load(config_file: Path) -> Loaded:
    """Read an agent's configuration, its schedule and its command key.

    Raises:
        ConfigErrors: Anything in the files is wrong.
        KeyFileError: The command key cannot be used.
    """
    config = load_config(config_file)
    schedule_file = ScheduleFile(config.lighting.schedule_file, config.state_dir) if config.lighting else None
    schedule = schedule_file.load() if schedule_file else None
    key = read_key(config.commands.key_file) if config.commands.key_file else None
    return Loaded(
        config=config,
        base=config_file.absolute().parent,
        schedule=schedule,
        schedule_file=schedule_file,
        key=key,
    )
