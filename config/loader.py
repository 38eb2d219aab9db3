"""YAML files into models: every error of a file at once, each with line and column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from config.document import Document, Location, read_document
from config.errors import ConfigErrors, ConfigProblem
from config.texts import TEXTS
from config.wording import in_file, meant_as_key, meant_as_tag, near, wording

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_LISTED: Final = 20
"""Names that a finding repeats: a city has hundreds of cabinets."""

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """The base of all models of files: unknown keys are refused, values do not change, no number is NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)


class At(ValueError):  # noqa: N818 - raise At(place, message) reads as what it is
    """What a model's validator finds, at a location below its model: At(("devices", 3, "line"), "no such line").

    The loader turns it into file:line:column of that value. Raise several at once with `refuse`.
    """

    def __init__(self, location: Location, message: str) -> None:
        super().__init__(message)
        self.findings: tuple[tuple[Location, str], ...] = ((location, message),)


def refuse(findings: Sequence[At]) -> None:
    """Raise all findings of a validator as one error, if there are any."""
    if findings:
        first = findings[0]
        first.findings = tuple(finding for each in findings for finding in each.findings)
        raise first


def twice(location: Location, key: str, names: Sequence[str]) -> list[At]:
    """Return a finding for every repeated name of a list of named things, at its key."""
    return [
        At((*location, index, key), TEXTS.text("twice_in_list", name=name, number=names.index(name) + 1))
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def no_such(what: str, name: str, there: Sequence[str]) -> str:
    """Return the finding that a name points at nothing, with what there is instead."""
    listed = list(dict.fromkeys(there))
    meant = near(name, listed)
    names = ", ".join(listed[:MAX_LISTED]) + (", …" if len(listed) > MAX_LISTED else "")
    text = TEXTS.text("no_such", what=TEXTS.text(what), name=name, names=names or TEXTS.text("none"))
    return f"{text}; {TEXTS.text('meant', name=meant)}" if meant else text


def resolve(base: Path, path: Path) -> Path:
    """Return where a path of a configuration file points: a relative one starts at the file's own folder.

    Args:
        base: The folder of the file that names it: `file.parent`.
        path: As written in the file.
    """
    return base / path


def _tag_location(model: type[BaseModel], location: Location, discriminator: str, document: Document) -> Location:
    """Return where the tag of a union stands, or the key that was probably meant to be it."""
    given = document.given(location)
    key = discriminator if discriminator in given else meant_as_tag(model, location, discriminator, document)
    return (*location, key) if key else location


def _problems(detail: ErrorDetails, document: Document, model: type[BaseModel]) -> list[ConfigProblem]:
    location = in_file(model, detail["loc"], document)
    if detail["type"].startswith("union_tag"):
        location = _tag_location(model, location, str(detail["ctx"]["discriminator"]).strip("'"), document)
    if any(location[: len(broken)] == broken for broken in document.broken):
        return []
    at_key = detail["type"] in {"extra_forbidden", "union_tag_not_found"} or detail["loc"][-1:] == ("[key]",)
    cause = detail.get("ctx", {}).get("error")
    found: list[tuple[Location, str]] = []
    if isinstance(cause, At):
        found = [((*location, *below), text) for below, text in cause.findings]
    elif detail["type"] == "missing":
        found = [(location, wording(model, (*location, detail["loc"][-1]), detail, document))]
    else:
        found = [(location, wording(model, location, detail, document))]
    problems = []
    for place, message in found:
        mark = document.keys[place] if at_key and place in document.keys else document.mark(place)
        problems.append(ConfigProblem(document.file, mark.line + 1, mark.column + 1, message))
    return problems


def load_text(text: str, file: Path, model: type[Model]) -> Model:
    """Validate YAML text against a model.

    Types are strict: `5` is no text and `"5"` no number, `true` is no 1, and only `true` and `false` are booleans.
    What a model's own validators compare across fields is found once the fields themselves are right.

    Raises:
        ConfigErrors: Everything that is wrong with it, each with file, line and column.
    """
    document = read_document(text, file)
    problems = document.problems
    try:
        # JSON's rules are the right ones for a file: strict, yet a list may become a tuple and a text a path.
        result = model.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        meant = {
            meant_as_key(model, in_file(model, detail["loc"], document), document)
            for detail in details
            if detail["type"] == "extra_forbidden"
        }
        for detail in details:
            # A list whose items are wrong counts as empty, too: once is enough.
            if detail["type"] == "too_short" and document.given(detail["loc"]):
                continue
            # So does a key that stands there misspelt.
            if detail["type"] == "missing" and (*in_file(model, detail["loc"], document), detail["loc"][-1]) in meant:
                continue
            problems += _problems(detail, document, model)
    if problems:
        raise ConfigErrors(list(dict.fromkeys(problems)))
    return result


class UnreadableFileError(ConfigErrors):
    """A file that could not even be opened; whoever knows where it is named says it there.

    Attributes:
        reason: Why, without the file's name.
    """

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__([ConfigProblem(file, 1, 1, reason)])
        self.reason = reason


def not_readable(error: OSError) -> str:
    """Return why a file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return TEXTS.text("no_such_file")
    if isinstance(error, PermissionError):
        return TEXTS.text("not_permitted")
    return TEXTS.text("not_readable", error=error.strerror)


def read_text(file: Path) -> str:
    """Return the text of a configuration file.

    Raises:
        UnreadableFileError: The file cannot be opened.
        ConfigErrors: It is too large, or not UTF-8.
    """
    try:
        if not file.is_file() and file.exists():
            raise ConfigErrors([ConfigProblem(file, 1, 1, TEXTS.text("not_a_file"))])
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigErrors([ConfigProblem(file, 1, 1, TEXTS.text("too_large", bytes=MAX_FILE_BYTES))])
        if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]:
            raise ConfigErrors([ConfigProblem(file, 1, 1, TEXTS.text("utf16"))])
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UnreadableFileError(file, not_readable(error)) from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig")
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        raise ConfigErrors([ConfigProblem(file, line, column, TEXTS.text("not_utf8"))]) from error


def load_document(file: Path, model: type[Model]) -> Model:
    """Read one YAML file into a model.

    Paths in the result stand as they were written; `resolve(file.parent, path)` says where they point.

    Raises:
        UnreadableFileError: The file cannot be opened.
        ConfigErrors: Anything in it is wrong.
    """
    return load_text(read_text(file), file, model)
