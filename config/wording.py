"""Findings of the models in the words of whoever wrote the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from config.document import Document, Location
from config.texts import TEXTS

MAX_SHOWN: Final = 60
"""Characters of a wrong value that are repeated in a message."""

_NAME: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
"""The pattern of names, written again: the simulator loads its files here and shares nothing of the contract."""
_FORMS: Final = {
    f"^{_NAME}$": "name_form",
    f"^{_NAME}/{_NAME}$": "point_form",
    r"^[a-z0-9_-]+(/[a-z0-9_-]+){0,3}$": "root_form",
    r"^[A-Z]{2}$": "country_form",
    r"^[^\x00-\x1f\x7f]*$": "line_form",
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$": "circuit_form",
}
_SAME: Final = {
    "model_attributes_type": "model_type",
    "dict_type": "model_type",
    "tuple_type": "list_type",
    "int_parsing": "int_type",
    "int_parsing_size": "int_type",
    "int_from_float": "int_type",
    "float_parsing": "float_type",
    "bool_parsing": "bool_type",
    "enum": "literal_error",
}
"""Kinds of pydantic's findings that are one to whoever wrote the file."""
_PASSWORD: Final = re.compile(r"//[^/]*@|[?&][^=]*(?:token|key|pass|secret)[^=]*=", re.IGNORECASE)


def wording(model: type[BaseModel], location: Location, error: ErrorDetails, document: Document) -> str:
    """Return one message for a finding of pydantic at a location of the file.

    Args:
        model: What the whole file is validated against.
        location: Of the value, without union tags; for a missing key that key's.
        error: As pydantic tells it.
        document: The file.
    """
    kind = _SAME.get(error["type"], error["type"])
    if kind == "missing":
        parent = _path(location[:-1])
        return TEXTS.text("missing_in" if parent else "missing", key=location[-1], where=parent)
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), _keys(model, location[:-1], document))
    if kind.startswith("union_tag"):
        return _no_such_kind(model, location, error, document)
    where = _path(location)
    hint = _hint(kind, error, document.given(location))
    text = "; ".join(part for part in (_text(kind, error), hint) if part)
    return f"{where + ': ' if where else ''}{text}{_shown(error.get('input'))}"


def _text(kind: str, error: ErrorDetails) -> str:
    """Return what is wrong with a value."""
    facts = {name: _number(fact) for name, fact in error.get("ctx", {}).items()}
    if kind == "string_pattern_mismatch":
        kind = _FORMS.get(str(facts["pattern"]), kind)
    if kind == "literal_error":
        facts["names"] = ", ".join(_choices(error))
    if kind in TEXTS:
        return TEXTS.text(kind, **facts)
    return error["msg"].removeprefix("Value error, ")


def _number(fact: Any) -> Any:
    return int(fact) if isinstance(fact, float) and fact.is_integer() else fact


def _choices(error: ErrorDetails) -> list[str]:
    expected = str(error.get("ctx", {}).get("expected", ""))
    return [choice.strip("'") for choice in re.split(r", | or ", expected)]


def _hint(kind: str, error: ErrorDetails, given: Any) -> str:
    """Return how to mend a value, where its form tells."""
    if kind == "string_type" and isinstance(given, bool | int | float):
        return TEXTS.text("hint_quotes")
    if not isinstance(given, str):
        return ""
    if kind in {"int_type", "float_type"}:
        if re.fullmatch(r"[-+]?\d+,\d+", given):
            return TEXTS.text("hint_point")
        return TEXTS.text("hint_no_quotes") if re.fullmatch(r"[-+]?\d+(\.\d+)?", given) else ""
    if kind == "bool_type" and given in {"true", "false"}:
        return TEXTS.text("hint_no_quotes")
    if kind == "literal_error":
        choices = {choice.lower(): choice for choice in _choices(error)}
        meant = near(given, list(choices))
        return TEXTS.text("meant", name=choices[meant]) if meant else ""
    return ""


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


def meant_as_key(model: type[BaseModel], location: Location, document: Document) -> Location:
    """Return the location of the known key that an unknown one was probably meant to be; () if none."""
    meant = near(str(location[-1]), _keys(model, location[:-1], document)) if location else ""
    return (*location[:-1], meant) if meant else ()


def near(key: str, known: Sequence[str]) -> str:
    """Return the known word that was probably meant, or nothing; swapped letters are the nearest."""
    key = key.replace("-", "_").lower()
    swapped = [word for word in known if sorted(word) == sorted(key)]
    return next(iter(swapped or difflib.get_close_matches(key, known, n=1)), "")


def _path(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _shown(given: Any) -> str:
    if given is None:
        return f" ({TEXTS.text('nothing_given')})"
    if not isinstance(given, str | int | float | bool) or len(repr(given)) > MAX_SHOWN:
        return ""
    if isinstance(given, str) and _PASSWORD.search(given):
        return ""
    value = str(given).lower() if isinstance(given, bool) else repr(given)
    return f" ({TEXTS.text('given', value=value)})"


def _unknown(key: str, known: list[str]) -> str:
    text = TEXTS.text("unknown", key=key)
    if not known:
        return text
    meant = near(key, known)
    hint = TEXTS.text("meant", name=meant) if meant else TEXTS.text("known", names=", ".join(known))
    return f"{text}; {hint}"


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
        text = f"{_path((*location, key))}: {TEXTS.text('none_of', given=given[key], names=listed)}"
        return f"{text}; {TEXTS.text('meant', name=meant)}" if meant else text
    meant = meant_as_tag(model, location, key, document)
    text = TEXTS.text("kind_missing", key=key, where=_path(location), names=listed)
    return f"{text}; {TEXTS.text('meant_by', name=meant)}" if meant else text


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
