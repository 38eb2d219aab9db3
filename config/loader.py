"""YAML files into models: every error of a file at once, each with line and column.

YAML is read by the core schema of YAML 1.2, since the 1.1 rules of most libraries turn `on` and `no`
into booleans and `18:45` into the number 1125.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from config.errors import ConfigErrors, ConfigProblem

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 32

Location = tuple[int | str, ...]
Positions = dict[Location, yaml.Mark]
Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """The base of all models of files: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class _CoreSchemaLoader(yaml.SafeLoader):
    """A SafeLoader that resolves plain scalars as YAML 1.2's core schema does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the base's own type


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    _CoreSchemaLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _int_of(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 16) if text.lower().startswith("0x") else int(text, 10)


_CoreSchemaLoader.add_constructor("tag:yaml.org,2002:int", _int_of)


class _Reader:
    """Turns composed nodes into plain data and remembers where each value stands."""

    def __init__(self, file: Path, loader: _CoreSchemaLoader) -> None:
        self.file = file
        self.loader = loader
        self.values: Positions = {}
        self.keys: Positions = {}
        self.problems: list[ConfigProblem] = []

    def problem(self, mark: yaml.Mark, message: str) -> None:
        self.problems.append(ConfigProblem(self.file, mark.line + 1, mark.column + 1, message))

    def data(self, node: yaml.Node, location: Location = ()) -> Any:
        self.values[location] = node.start_mark
        if len(location) > MAX_DEPTH:
            self.problem(node.start_mark, f"nested deeper than {MAX_DEPTH} levels")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.data(item, (*location, index)) for index, item in enumerate(node.value)]
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self.problem(node.start_mark, f"cannot be read: {error}")
            return None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[Hashable, Any]:
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(key_node.start_mark, "a key must be a plain word")
                continue
            key = str(key_node.value)
            if key in result:
                first = self.keys[(*location, key)]
                self.problem(key_node.start_mark, f"'{key}' stands twice, first in line {first.line + 1}")
                continue
            self.keys[(*location, key)] = key_node.start_mark
            result[key] = self.data(value_node, (*location, key))
        return result

    def mark(self, location: Location) -> yaml.Mark:
        """Return the place of a location, or of the nearest part above it that the file has."""
        for length in range(len(location), -1, -1):
            mark = self.values.get(location[:length])
            if mark is not None:
                return mark
        return next(iter(self.values.values()))


def _compose(file: Path, text: str) -> tuple[_CoreSchemaLoader, yaml.Node]:
    loader = _CoreSchemaLoader(text)
    try:
        for token_event in yaml.parse(text, Loader=_CoreSchemaLoader):
            if isinstance(token_event, yaml.AliasEvent):
                # An alias can grow a small file without bound.
                start = token_event.start_mark
                line, column = (start.line + 1, start.column + 1) if start else (1, 1)
                raise ConfigErrors([ConfigProblem(file, line, column, "aliases (*name) are not read; write it out")])
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigErrors([ConfigProblem(file, line, column, f"not YAML: {what}")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigErrors([ConfigProblem(file, 1, 1, f"not YAML: {error}")]) from error
    if node is None:
        raise ConfigErrors([ConfigProblem(file, 1, 1, "the file is empty")])
    return loader, node


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the model has at a location, for did-you-mean."""
    if not location:
        return [field.alias or name for name, field in model.model_fields.items()]
    if isinstance(location[0], int):
        return _known_keys(model, location[1:])
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    field = fields.get(location[0])
    found: list[str] = []
    for inner in _models_in(field.annotation) if field else ():
        for skip in range(1, min(len(location), 3) + 1):
            found += _known_keys(inner, location[skip:])
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _message(model: type[BaseModel], location: Location, error: ErrorDetails) -> str:
    key = str(location[-1]) if location else ""
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _known_keys(model, location[:-1]), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"unknown key '{key}'{hint}"
    if error["type"] == "missing":
        return f"'{key}' is missing"
    text = error["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in location)
    given = error.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) and len(repr(given)) < 60 else ""
    return f"{where}: {text}{shown}" if where else f"{text}{shown}"


def _in_file(location: Location, reader: _Reader) -> Location:
    """Drop the parts that pydantic adds to a location (union tags) and the file does not have."""
    kept: Location = ()
    for part in location:
        if (*kept, part) in reader.values:
            kept = (*kept, part)
    missing = location[-1:] if location and kept[-1:] != location[-1:] else ()
    return (*kept, *missing)


def load_text(text: str, file: Path, model: type[Model]) -> Model:
    """Validate YAML text against a model.

    Raises:
        ConfigErrors: Everything that is wrong with it, each with file, line and column.
    """
    loader, node = _compose(file, text)
    reader = _Reader(file, loader)
    data = reader.data(node)
    problems = reader.problems
    try:
        result = model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            location = _in_file(detail["loc"], reader)
            unknown = detail["type"] == "extra_forbidden"
            mark = reader.keys.get(location) if unknown else None
            mark = mark or reader.mark(location)
            problems.append(ConfigProblem(file, mark.line + 1, mark.column + 1, _message(model, location, detail)))
        raise ConfigErrors(list(dict.fromkeys(problems))) from error
    if problems:
        raise ConfigErrors(problems)
    return result


def load_document(file: Path, model: type[Model]) -> Model:
    """Read one YAML file into a model.

    Raises:
        ConfigErrors: The file cannot be read, or anything in it is wrong.
    """
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ConfigErrors([ConfigProblem(file, 1, 1, f"larger than {MAX_FILE_BYTES} bytes")])
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigErrors([ConfigProblem(file, 1, 1, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigErrors([ConfigProblem(file, line, 1, "not UTF-8 text")]) from error
    return load_text(text, file, model)
