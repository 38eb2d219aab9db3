"""JSON Schema (2020-12) of every message of wire contract v1, generated from the models."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import BaseModel

from contract.alarm import MAX_ALARM_BYTES, ActiveAlarm
from contract.batch import MAX_BATCH_BYTES, Batch, Confirm
from contract.command import MAX_COMMAND_BYTES, Command, Result
from contract.state import MAX_META_BYTES, MAX_STATE_BYTES, DeviceState, Meta, Online
from contract.want import MAX_REPORT_BYTES, MAX_WANT_BYTES, Want, WantReport

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ENTRY: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8,}\S.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One kind of message: its model, the topics below the root that carry it, and its greatest size in bytes."""

    model: type[BaseModel]
    topics: tuple[str, ...]
    max_bytes: int


MESSAGES: Final[Mapping[str, Message]] = {
    "batch": Message(
        model=Batch, topics=("{gw}/up/live", "{gw}/up/event", "{gw}/up/history"), max_bytes=MAX_BATCH_BYTES
    ),
    "confirm": Message(model=Confirm, topics=("{gw}/down/confirm",), max_bytes=MAX_STATE_BYTES),
    "command": Message(model=Command, topics=("{gw}/down/cmd",), max_bytes=MAX_COMMAND_BYTES),
    "result": Message(model=Result, topics=("{gw}/up/cmd",), max_bytes=MAX_COMMAND_BYTES),
    "want": Message(model=Want, topics=("{gw}/down/want",), max_bytes=MAX_WANT_BYTES),
    "want_report": Message(model=WantReport, topics=("{gw}/state/want",), max_bytes=MAX_REPORT_BYTES),
    "device_state": Message(model=DeviceState, topics=("{gw}/state/{device}",), max_bytes=MAX_STATE_BYTES),
    "online": Message(model=Online, topics=("{gw}/state/online",), max_bytes=MAX_STATE_BYTES),
    "meta": Message(model=Meta, topics=("{gw}/state/meta",), max_bytes=MAX_META_BYTES),
    "alarm": Message(model=ActiveAlarm, topics=("alarm/{site}/{alarm}",), max_bytes=MAX_ALARM_BYTES),
}
"""By the name of its schema file, without `.json`."""


def attribute_texts(model: type[BaseModel]) -> dict[str, str]:
    """Return what a model's docstring says of its fields in the section `Attributes:`, inherited ones included."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        _, found, section = inspect.cleandoc(base.__dict__.get("__doc__") or "").partition("Attributes:\n")
        if found:
            texts |= {name: " ".join(text.split()) for name, text in _ENTRY.findall(section)}
    return texts


def summary(model: type[BaseModel]) -> str:
    """Return what a model's docstring says before its sections, in one line."""
    text, _, _ = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    return " ".join(text.split())


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one message.

    Raises:
        KeyError: There is no message of this name.
    """
    message = MESSAGES[name]
    schema = message.model.model_json_schema()
    definitions = schema.get("$defs", {})
    models = {model.__name__: model for model in _models_below(message.model)}
    for title, definition in (*definitions.items(), (message.model.__name__, schema)):
        if title in models:
            _describe(definition, models[title])
    _close(schema)
    for part in (schema, *definitions.values()):
        part.pop("title", None)
    topics = ", ".join(message.topics)
    return {
        "$schema": DIALECT,
        "title": f"Lamplighter wire contract v1: {name}",
        "$comment": f"Topics below the root: {topics}. At most {message.max_bytes} bytes of UTF-8. Generated.",
        **schema,
    }


def schema_files() -> dict[str, bytes]:
    """Return every schema file's name and bytes."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{name}.json": orjson.dumps(schema_of(name), option=options) for name in MESSAGES}


def _models_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [model]
    while waiting:
        part = waiting.pop()
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
            found.add(part)
            waiting += [field.annotation for field in part.model_fields.values()]
        waiting += [*getattr(part, "__args__", ()), *getattr(part, "__metadata__", ())]
    return found


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    definition["description"] = summary(model)
    texts = attribute_texts(model)
    for key, shape in definition.get("properties", {}).items():
        shape.pop("title", None)
        if key in texts:
            shape["description"] = texts[key]


def _close(part: Any) -> None:
    """Refuse the keys of maps that are no names: pydantic writes only the pattern of those that are."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        for inner in part.values():
            _close(inner)
    elif isinstance(part, list):
        for inner in part:
            _close(inner)
