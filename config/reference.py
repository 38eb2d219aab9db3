"""The reference of every key of our files, as Markdown, from the models themselves."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from config.agent import AgentConfig, TopicRoot
from config.city import City
from config.collector import CollectorConfig
from config.points import Name, PointId
from config.profile import InstrumentProfile, ModbusProfile
from config.rules import Rule
from contract.lights import Calendar
from contract.schema import attribute_texts, summary

FILES: Final[tuple[tuple[str, str, tuple[Any, ...]], ...]] = (
    ("agent.yaml", "One gateway: `edge-agent check` tells what is wrong with it.", (AgentConfig,)),
    ("collector.yaml", "The centre: `collector check` tells what is wrong with it.", (CollectorConfig,)),
    ("city.yaml", "The inventory that `city_file` of the collector names.", (City,)),
    (
        "schedule.yaml",
        "When lamps burn: [lights](lights.md). `schedule_file` of a gateway and `calendar_file` of the city name it.",
        (Calendar,),
    ),
    (
        "Device profiles",
        "One type of device a file; those we ship stand in `config/profiles/`.",
        (ModbusProfile, InstrumentProfile),
    ),
    ("Alarm rules", "One rule a file; those we ship stand in `config/alarms/`.", get_args(Rule)),
)
_HEAD: Final = """# Configuration reference

Written from the models by `python -m config`; a test compares it.

All files are YAML by the core schema of version 1.2: only `true` and `false` are booleans, `18:45` is a text, `0777` is
777. Types are strict: a text that looks like a number takes quotes, a number takes none. Unknown keys, keys that
stand twice, aliases and tags are refused; every fault is told with `file:line:column`. A relative path starts at the
folder of the file that names it. A *name* has 1 to 64 of `a-z 0-9 - _` and begins with a letter or digit.
"""
_WORDS: Final = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Path: "path",
    type(None): "nothing",
}
_SPECIAL: Final[dict[Any, str]] = {Name: "name", PointId: "device/point", TopicRoot: "topic levels"}
_MEANINGS: Final = {
    "kind": "Which of the kinds this is.",
    "en": "In English.",
    "vi": "In Vietnamese.",
    "at": "`HH:MM[:SS]`, or `sunset` or `sunrise` with an offset in minutes, such as `sunset - 10`.",
    "on": "When lamps go on; in short the text of `at`.",
    "off": "When they go off; in short the text of `at`.",
    "lost_below": "Below this share of the nominal voltage a phase is lost.",
    "good_above": "Above this share of the nominal voltage a phase is good.",
    "failed_polls": "Polls without an answer, one after another, that raise it.",
    "good_polls": "Answers, one after another, that clear it.",
    "fleet_raised": "The first words of the message about the whole fleet.",
    "fleet_cleared": "The first words of the message that it is over.",
    "fleet_advice": "What to check first.",
    "inconclusive": "Values that prove neither that it is this type nor that it is another.",
}
"""Of keys that their own model does not describe: those that several models share, and short ones."""


def reference() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for title, about, models in FILES:
        parts.append(f"\n## {title}\n\n{about}\n")
        told: set[type[BaseModel]] = set()
        for model in models:
            parts.extend(_tables(model, "", told, of_many=len(models) > 1))
    return "".join(parts)


def _tables(model: type[BaseModel], path: str, told: set[type[BaseModel]], *, of_many: bool) -> Iterator[str]:
    """Yield the table of a model and those of the models below it, each once a file."""
    if model in told:
        return
    told.add(model)
    kind = _kind(model)
    title = " ".join(
        part for part in (f"`{path}`" if path else "", f"kind `{kind}`" if of_many and kind else "") if part
    )
    texts = attribute_texts(model)
    yield (f"\n### {title}\n" if title else "") + f"\n{summary(model)}\n\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|\n"
    for name, field in model.model_fields.items():
        meaning = texts.get(name) or _MEANINGS.get(name, "")
        yield f"| `{name}` | {_cell(_type(field))} | {_cell(_default(field))} | {_cell(meaning)} |\n"
    for name, field in model.model_fields.items():
        inner = list(dict.fromkeys(_models(field.annotation)))
        for member in inner:
            yield from _tables(member, f"{path}.{name}".strip("."), told, of_many=len(inner) > 1)


def _kind(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return str(values[0]) if len(values) == 1 else ""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _type(field: FieldInfo) -> str:
    bounds = _bounds(field.metadata)
    return ", ".join(part for part in (_word(field.annotation, field.metadata), bounds) if part)


def _word(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    for special, word in _SPECIAL.items():
        pattern = special.__metadata__[0].metadata[0].pattern
        if annotation is special or any(getattr(item, "pattern", None) == pattern for item in metadata):
            return word
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return ", ".join(f"`{member.value}`" for member in annotation)
        return "mapping" if issubclass(annotation, BaseModel) else _WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if hasattr(annotation, "__metadata__"):
        inner = [part for item in annotation.__metadata__ for part in getattr(item, "metadata", [item])]
        return ", ".join(part for part in (_word(arguments[0], inner), _bounds(inner)) if part)
    if origin is dict:
        return f"mapping of {_word(arguments[0])} to {_word(arguments[1])}"
    if origin in {tuple, list}:
        words = list(dict.fromkeys(_word(argument) for argument in arguments if argument is not Ellipsis))
        return f"list of {words[0]}" if len(words) == 1 else f"list of [{'; '.join(words)}]"
    words = list(dict.fromkeys(_word(argument) for argument in arguments if argument is not type(None)))
    return " or ".join(words)


def _bounds(metadata: list[Any] | tuple[Any, ...]) -> str:
    told = []
    for item in metadata:
        for attribute, word in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
            if hasattr(item, attribute):
                told.append(f"{word} {getattr(item, attribute)}")
        if hasattr(item, "min_length"):
            told.append(f"{item.min_length} or more")
        if hasattr(item, "max_length"):
            told.append(f"up to {item.max_length}")
    return ", ".join(told)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined or default is None:
        return "not set"
    if isinstance(default, BaseModel):
        told = default.model_dump(mode="json", exclude_unset=True)
        return ", ".join(f"{key} `{value}`" for key, value in told.items()) or "its own defaults"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if default in ((), {}, ""):
        return "empty"
    return f"`{default}`"
