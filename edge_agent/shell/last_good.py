"""A copy of the last good agent.yaml, for when the operator's file is broken.

A gateway that starts after a power cut must poll and light its street whatever was mistyped since it started last.
Where the copy lies is written in the file itself (`state_dir`), and read from it as far as it can be read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import structlog

from config.agent import AgentConfig
from config.document import read_document
from config.errors import ConfigErrors
from config.loader import load_text, read_text, resolve
from edge_agent.shell.configuration import load_config, placed
from edge_agent.shell.whole_file import replace_whole

COPY_NAME: Final = "agent.last-good.yaml"
_HEAD: Final = "# The last good copy of "
_STATE_DIR: Final = re.compile(
    r"""(?:^|[{,])\s*["']?state_dir["']?\s*:\s*(?:"([^"\n]+)"|'([^'\n]+)'|([^\s#,}"']+))""", re.MULTILINE
)
"""In a file that is no YAML any more: its line, or its place between braces."""
_log = structlog.get_logger("agent")


def keep_last_good(file: Path, text: str, state_dir: Path) -> None:
    """Keep the text of a file that an agent could be built from; a disk that fails is only told."""
    copy = state_dir / COPY_NAME
    kept = f"{_HEAD}{file.absolute()}\n{text}"
    try:
        if copy.is_file() and copy.read_text("utf-8") == kept:
            return
        replace_whole(copy, kept)
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("configuration not kept", copy=str(copy), error=str(error))


def last_good(file: Path) -> tuple[AgentConfig, str]:
    """Return the last good content of a file, with its text; relative paths start at the file's own folder.

    Raises:
        ConfigErrors: There is no copy of this file, or it is no longer good.
    """
    copy = resolve(file.absolute().parent, _state_dir_of(file)) / COPY_NAME
    head, _, text = read_text(copy).partition("\n")
    if head != f"{_HEAD}{file.absolute()}":
        # Another agent's: two on one machine may have the same folder by mistake.
        raise ConfigErrors([])
    return placed(load_text(text, copy, AgentConfig), file), text


def config_in_use(file: Path) -> AgentConfig:
    """Return what an agent with this file runs by: the file, or its last good copy while it is wrong.

    Raises:
        ConfigErrors: The file is wrong, and there was no good one before.
    """
    try:
        return load_config(file)
    except ConfigErrors as error:
        try:
            return last_good(file)[0]
        except ConfigErrors:
            raise error from None


def _state_dir_of(file: Path) -> Path:
    """Return the state_dir of a file that may be wrong in any way, the default one if it names none."""
    try:
        text = read_text(file)
    except ConfigErrors:
        text = ""
    named: object = None
    try:
        data = read_document(text, file).data
        named = data.get("state_dir") if isinstance(data, dict) else None
    except ConfigErrors:
        match = _STATE_DIR.search(text)
        named = next((name for name in match.groups() if name), None) if match else None
    default: Path = AgentConfig.model_fields["state_dir"].default
    return Path(named) if isinstance(named, str) and named and "\0" not in named else default
