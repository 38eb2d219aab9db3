"""A YAML file as plain data that remembers the line and column of every key and value.

YAML is read by the core schema of YAML 1.2, since the 1.1 rules of most libraries turn `on` and `no` into booleans and
`18:45` into the number 1125. Aliases, tags and merge keys are refused: no file of ours needs them, and an alias can
grow a small file without bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from config.errors import ConfigErrors, ConfigProblem
from config.texts import TEXTS

MAX_DEPTH: Final = 32
MAX_INTEGER_DIGITS: Final = 20
ALIAS: Final = "alias"
DEEP: Final = "nested too deeply"

Location = tuple[int | str, ...]
Positions = dict[Location, yaml.Mark]

_TAG: Final = "tag:yaml.org,2002:"
_SCALARS: Final = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str"))


class _CoreSchemaLoader(yaml.SafeLoader):
    """A SafeLoader that resolves plain scalars as YAML 1.2's core schema does, without aliases, bounded in depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the base's own type

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        if alias or self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # the stubs leave it out
            raise yaml.composer.ComposerError(None, None, ALIAS if alias else DEEP, mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _name, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    _CoreSchemaLoader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(_pattern), _first)


def _int_of(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError(TEXTS.text("digits", digits=MAX_INTEGER_DIGITS))
    return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))


_CoreSchemaLoader.add_constructor(f"{_TAG}int", _int_of)


@dataclass(slots=True)
class Document:
    """One file's data and where everything in it stands.

    Attributes:
        data: Mappings with text keys, lists, texts, numbers, booleans and None.
        values: Where each value begins.
        keys: Where each key stands.
        broken: Locations that could not be read; `problems` says why.
    """

    file: Path
    data: Any = None
    values: Positions = field(default_factory=dict)
    keys: Positions = field(default_factory=dict)
    broken: set[Location] = field(default_factory=set)
    problems: list[ConfigProblem] = field(default_factory=list)

    def mark(self, location: Location) -> yaml.Mark:
        """Return the place of a location, or of the nearest part above it that the file has."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.values:
                return self.values[location[:length]]
        return self.values[()]

    def problem(self, mark: yaml.Mark, message: str) -> None:
        """Note a finding at a place."""
        self.problems.append(ConfigProblem(self.file, mark.line + 1, mark.column + 1, message))

    def given(self, location: Location) -> Any:
        """Return the data at a location, None where there is none."""
        data = self.data
        for part in location:
            if isinstance(data, dict):
                data = data.get(part)
            elif isinstance(data, list) and isinstance(part, int) and part < len(data):
                data = data[part]
            else:
                return None
        return data


class _Builder:
    def __init__(self, document: Document, loader: _CoreSchemaLoader) -> None:
        self._document = document
        self._loader = loader

    def value(self, node: yaml.Node, location: Location) -> Any:
        self._document.values[location] = node.start_mark
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
        message = TEXTS.text("tag", tag=node.tag.replace(_TAG, "!!"))
        if node.tag in _SCALARS:
            try:
                return self._loader.construct_object(node)
            except (yaml.YAMLError, ValueError) as error:
                message = _what(error)
        self._document.broken.add(location)
        self._document.problem(node.start_mark, message)
        return None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.problem(key_node.start_mark, TEXTS.text("key_no_word"))
                continue
            key = str(key_node.value)
            if key in result:
                first = self._document.keys[(*location, key)]
                message = TEXTS.text("key_twice", key=key, line=first.line + 1)
                self._document.problem(key_node.start_mark, message)
                continue
            self._document.keys[(*location, key)] = key_node.start_mark
            result[key] = self.value(value_node, (*location, key))
        return result


def _what(error: Exception) -> str:
    """Return what is wrong in one line, without the excerpt that PyYAML adds."""
    if isinstance(error, yaml.MarkedYAMLError):
        return " ".join(part for part in (error.context, error.problem) if part)
    return " ".join(str(error).split())


_SYNTAX: Final = (
    (ALIAS, "yaml_alias", False),
    (DEEP, "yaml_deep", False),
    (r"found character '\\t'", "yaml_tab", False),
    (r"found character '(?P<character>.)' that cannot start", "yaml_first_character", False),
    (r"expected <block end>, but found '-'|sequence entries are not allowed", "yaml_dash", False),
    (r"expected <block end>", "yaml_indent", False),
    (r"mapping values are not allowed", "yaml_colon", False),
    (r"could not find expected ':'", "yaml_no_colon", True),
    (r"found unexpected end of stream|found unexpected document separator", "yaml_quote", True),
    (r"found unknown escape|expected escape sequence", "yaml_escape", False),
    (r"expected ',' or '[\]}]'", "yaml_bracket", True),
    (r"found another document", "yaml_document", False),
)
"""PyYAML's words, ours for them, and whether the fault lies where the construct begins, not where it was noticed."""


def _syntax(error: yaml.MarkedYAMLError) -> tuple[yaml.Mark | None, str]:
    """Return where a file stops being YAML, and why, in the words of whoever wrote it."""
    noticed = error.problem_mark or error.context_mark
    for pattern, key, at_beginning in _SYNTAX:
        if match := re.search(pattern, error.problem or ""):
            character = match.groupdict().get("character")
            line = noticed.line + 1 if noticed else 1
            text = TEXTS.text(key, character=character, line=line, depth=MAX_DEPTH)
            return (error.context_mark or noticed) if at_beginning else noticed, text
    return noticed, TEXTS.text("yaml", problem=_what(error))


def read_document(text: str, file: Path) -> Document:
    """Return the data of YAML text.

    Raises:
        ConfigErrors: It is no YAML, or none that we read; lesser findings stand in `problems`.
    """
    loader: _CoreSchemaLoader | None = None
    try:
        loader = _CoreSchemaLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark, message = _syntax(error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ConfigErrors([ConfigProblem(file, line, column, message)]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position].rpartition("\n")
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        message = TEXTS.text("yaml_character", character=f"U+{code:04X}")
        raise ConfigErrors([ConfigProblem(file, line, len(before[2]) + 1, message)]) from error
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        raise ConfigErrors([ConfigProblem(file, 1, 1, TEXTS.text("empty_file"))])
    document = Document(file)
    document.data = _Builder(document, loader).value(node, ())
    return document
