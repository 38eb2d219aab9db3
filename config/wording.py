"""Findings of the models in the words of whoever wrote the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from config.document import Document, Location

MAX_SHOWN: Final = 60
"""Characters of a wrong value that are repeated in a message."""

_NAME: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
"""The pattern of names, written again: the simulator loads its files here and shares nothing of the contract."""
_HINTS: Final = {
    "bool_type": "write true or false",
    "string_type": "put it in quotes",
}
_SHAPES: Final = {
    "model_type": "must be a mapping: lines of 'key: value'",
    "model_attributes_type": "must be a mapping: lines of 'key: value'",
    "dict_type": "must be a mapping: lines of 'key: value'",
    "tuple_type": "must be a list: lines that begin with '- '",
    "list_type": "must be a list: lines that begin with '- '",
    "too_short": "must have at least one item",
}
_PASSWORD: Final = re.compile(r"//[^/]*@|[?&][^=]*(?:token|key|pass|secret)[^=]*=", re.IGNORECASE)


def wording(model: type[BaseModel], location: Location, error: ErrorDetails, document: Document) -> str:
    """Return one message for a finding of pydantic at a location of the file.

    Args:
        model: What the whole file is validated against.
        location: Of the value, without union tags; for a missing key that key's.
        error: As pydantic tells it.
        document: The file.
    """
    kind = error["type"]
    if kind == "missing":
        parent = _path(location[:-1])
        return f"'{location[-1]}' is missing" + (f" in {parent}" if parent else "")
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), _keys(model, location[:-1], document))
    if kind.startswith("union_tag"):
        return _no_such_kind(model, location, error, document)
    text = _SHAPES.get(kind) or _pattern(error) or error["msg"].removeprefix("Value error, ")
    if kind in _HINTS and document.given(location) is not None:
        text = f"{text}; {_HINTS[kind]}"
    where = _path(location)
    return f"{where + ': ' if where else ''}{text}{_shown(error.get('input'))}"


def in_file(model: type[BaseModel], location: Location, document: Document) -> Location:
    """Return a location of pydantic without what it adds: the tags of unions, `[key]`, a key that is missing."""
    kept: Location = ()
    annotations: list[Any] = [model]
    tagged = False
    for part in location:
        members = [member for annotation in annotations for member in _models_in(annotation)]
        if len(members) > 1 and not tagged:
            annotations = [member for member in members if _is_of(member, str(part))]
            tagged = True
        elif (*kept, part) in document.values:
            kept = (*kept, part)
            annotations = [inner for annotation in annotations for inner in _below(annotation, part)]
            tagged = False
    return kept


def _is_of(model: type[BaseModel], tag: str) -> bool:
    literals = [get_args(annotation) for annotation in _fields(model).values() if get_origin(annotation) is Literal]
    return model.__name__ == tag or any(values == (tag,) for values in literals)


def meant_as_tag(model: type[BaseModel], location: Location, key: str, document: Document) -> str:
    """Return the unknown key of a union's mapping that was probably meant to tell its kind, or nothing."""
    members = _models_at(model, location, document, every=True)
    known = {name for member in members for name in _fields(member)}
    unknown = {name.lower(): name for name in document.given(location) if name not in known}
    return str(unknown.get(near(key, list(unknown)), ""))


def near(key: str, known: Sequence[str]) -> str:
    """Return the known word that was probably meant, or nothing; swapped letters are the nearest."""
    key = key.replace("-", "_").lower()
    swapped = [word for word in known if sorted(word) == sorted(key)]
    return next(iter(swapped or difflib.get_close_matches(key, known, n=1)), "")


def _path(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _pattern(error: ErrorDetails) -> str:
    pattern = error.get("ctx", {}).get("pattern", "")
    if pattern == f"^{_NAME}$":
        return "a name has 1 to 64 of a-z 0-9 - _ and begins with a letter or digit"
    if pattern == f"^{_NAME}/{_NAME}$":
        return "write device/point, each 1 to 64 of a-z 0-9 - _"
    return ""


def _shown(given: Any) -> str:
    if given is None:
        return " (nothing is given)"
    if not isinstance(given, str | int | float | bool) or len(repr(given)) > MAX_SHOWN:
        return ""
    if isinstance(given, str) and _PASSWORD.search(given):
        return ""
    return f" (given: {str(given).lower() if isinstance(given, bool) else repr(given)})"


def _unknown(key: str, known: list[str]) -> str:
    meant = near(key, known)
    hint = f"did you mean '{meant}'?" if meant else f"known here: {', '.join(known)}"
    return f"unknown key '{key}'" + (f"; {hint}" if known else "")


def _no_such_kind(model: type[BaseModel], location: Location, error: ErrorDetails, document: Document) -> str:
    key = str(error["ctx"]["discriminator"]).strip("'")
    given = document.given(location)
    if not isinstance(given, dict):
        location, given = location[:-1], document.given(location[:-1])
    tags = [
        str(tag)
        for member in _models_at(model, location, document, every=True)
        for tag in get_args(member.model_fields[key].annotation)
    ]
    listed = ", ".join(tags)
    if key in given:
        meant = near(str(given[key]), tags)
        hint = f"; did you mean '{meant}'?" if meant else ""
        return f"{_path((*location, key))}: '{given[key]}' is none of: {listed}{hint}"
    meant = meant_as_tag(model, location, key, document)
    hint = f"; did you mean it by '{meant}'?" if meant else ""
    return f"'{key}' is missing in {_path(location)}; it is one of: {listed}{hint}"


def _keys(model: type[BaseModel], location: Location, document: Document) -> list[str]:
    """Return the keys that the file may have at a location."""
    found = [key for member in _models_at(model, location, document) for key in _fields(member)]
    return list(dict.fromkeys(found))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models_at(
    model: type[BaseModel], location: Location, document: Document, *, every: bool = False
) -> list[type[BaseModel]]:
    """Return the models that a location of the file may hold; unless `every`, only those whose tag it carries."""
    annotations: list[Any] = [model]
    for part in location:
        annotations = [inner for annotation in annotations for inner in _below(annotation, part)]
    members = [member for annotation in annotations for member in _models_in(annotation)]
    given = document.given(location)
    if every or not isinstance(given, dict):
        return members
    return [member for member in members if _carries_tag(member, given)]


def _carries_tag(model: type[BaseModel], given: dict[str, Any]) -> bool:
    return all(
        given[key] in get_args(annotation)
        for key, annotation in _fields(model).items()
        if key in given and get_origin(annotation) is Literal and len(get_args(annotation)) == 1
    )


def _below(annotation: Any, part: int | str) -> list[Any]:
    """Return the annotations of what stands under a key or index of a value with an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = _fields(annotation)
        return [fields[str(part)]] if part in fields else []
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is dict:
        return [arguments[1]]
    if origin in {list, tuple}:
        return list(arguments) if isinstance(part, int) else []
    return [inner for argument in arguments for inner in _below(argument, part)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in {dict, list, tuple, Literal}:
        return []
    return [model for part in get_args(annotation) for model in _models_in(part)]
