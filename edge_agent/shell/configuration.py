"""An agent's configuration as the process uses it: every path absolute."""

from __future__ import annotations

from pathlib import Path

from config.agent import AgentConfig, Line, Mqtt, TcpLine, Tls
from config.language import prefer_language_of
from config.loader import load_text, read_text, resolve


def load_config(file: Path) -> AgentConfig:
    """Read an agent's file; its relative paths start at the file's own folder.

    Raises:
        ConfigErrors: Anything in it is wrong.
    """
    return config_of(read_text(file), file)


def config_of(text: str, file: Path) -> AgentConfig:
    """Return what the text of an agent's file says; see load_config.

    Raises:
        ConfigErrors: Anything in it is wrong.
    """
    prefer_language_of(file)
    return placed(load_text(text, file, AgentConfig), file)


def placed(config: AgentConfig, file: Path) -> AgentConfig:
    """Return a configuration whose relative paths start at its file's folder."""
    base = file.absolute().parent
    commands, lighting = config.commands, config.lighting
    if commands.key_file:
        commands = commands.model_copy(update={"key_file": resolve(base, commands.key_file)})
    if lighting:
        lighting = lighting.model_copy(update={"schedule_file": resolve(base, lighting.schedule_file)})
    return config.model_copy(
        update={
            "state_dir": resolve(base, config.state_dir),
            "runtime_dir": resolve(base, config.runtime_dir),
            "mqtt": _resolved_mqtt(config.mqtt, base),
            "lines": tuple(_resolved_line(line, base) for line in config.lines),
            "commands": commands,
            "lighting": lighting,
        }
    )


def _resolved_mqtt(mqtt: Mqtt, base: Path) -> Mqtt:
    tls = _resolved_tls(mqtt.tls, base) if mqtt.tls else None
    password = resolve(base, mqtt.password_file) if mqtt.password_file else None
    return mqtt.model_copy(update={"tls": tls, "password_file": password})


def _resolved_line(line: Line, base: Path) -> Line:
    if isinstance(line, TcpLine) and line.tls:
        return line.model_copy(update={"tls": _resolved_tls(line.tls, base)})
    return line


def _resolved_tls(tls: Tls, base: Path) -> Tls:
    files = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
    return tls.model_copy(update={name: resolve(base, path) for name, path in files.items() if path})
