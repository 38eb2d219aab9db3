"""Click's own words in Vietnamese: it marks them for translation and ships none."""

from __future__ import annotations

import unicodedata
from importlib import import_module
from typing import Final

from config.language import Language

_VIETNAMESE: Final = {
    "Usage:": "Cách dùng:",
    "Options": "Tùy chọn",
    "Commands": "Lệnh",
    "Positional arguments": "Đối số",
    "Show this message and exit.": "Hiện trợ giúp này rồi thoát.",
    "Show the version and exit.": "Hiện phiên bản rồi thoát.",
    "%(prog)s, version %(version)s": "%(prog)s, phiên bản %(version)s",
    "default: {default}": "mặc định: {default}",
    "env var: {var}": "biến môi trường: {var}",
    "required": "bắt buộc",
    "Error: {message}": "Lỗi: {message}",
    "Aborted!": "Đã dừng!",
    "Missing command.": "Thiếu lệnh.",
    "Missing argument": "Thiếu đối số",
    "Missing option": "Thiếu tùy chọn",
    "Missing parameter": "Thiếu tham số",
    "No such command {name!r}.": "Không có lệnh {name!r}.",
    "No such option {name!r}.": "Không có tùy chọn {name!r}.",
    "No such option: {name}": "Không có tùy chọn: {name}",
    "Try '{command} {option}' for help.": "Gõ '{command} {option}' để xem trợ giúp.",
    "Invalid value: {message}": "Giá trị không hợp lệ: {message}",
    "Invalid value for {param_hint}: {message}": "Giá trị không hợp lệ cho {param_hint}: {message}",
    "Could not open file {filename!r}: {message}": "Không mở được tệp {filename!r}: {message}",
    "Option {name!r} does not take a value.": "Tùy chọn {name!r} không nhận giá trị.",
    "Option {name!r} requires an argument.": "Tùy chọn {name!r} cần một giá trị.",
    "Got unexpected extra argument ({args})": "Thừa đối số ({args})",
    "Got unexpected extra arguments ({args})": "Thừa các đối số ({args})",
    "Did you mean {possibility}?": "Có phải bạn muốn {possibility}?",
    "(Did you mean one of: {possibilities}?)": "(Có phải bạn muốn một trong: {possibilities}?)",
    "{value!r} is not {choice}.": "{value!r} không phải là {choice}.",
    "{value!r} is not one of {choices}.": "{value!r} không nằm trong số {choices}.",
    "{value!r} is not a valid {number_type}.": "{value!r} không phải là {number_type} hợp lệ.",
    "{name} {filename!r} does not exist.": "{name} {filename!r} không tồn tại.",
    "{name} {filename!r} is a directory.": "{name} {filename!r} là một thư mục.",
    "{name} {filename!r} is not readable.": "{name} {filename!r} không đọc được.",
    "file": "tệp",
    "File": "Tệp",
    "directory": "thư mục",
    "path": "đường dẫn",
}
_MODULES: Final = ("core", "decorators", "exceptions", "formatting", "parser", "types", "termui")


def _vietnamese(message: str) -> str:
    return unicodedata.normalize("NFC", _VIETNAMESE.get(message, message))


def _vietnamese_count(one: str, many: str, count: int) -> str:
    return _vietnamese(one if count == 1 else many)


def translate_click(language: Language) -> None:
    """Let Click speak the language in this process; its modules look these two names up at each call."""
    if language != "vi":
        return
    for name in _MODULES:
        names = vars(import_module(f"click.{name}"))
        if "_" in names:
            names["_"] = _vietnamese
        if "ngettext" in names:
            names["ngettext"] = _vietnamese_count
