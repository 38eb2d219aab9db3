"""What is wrong with a configuration, a scenario or a command, in both languages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from config.language import Texts

MAX_LISTED: Final = 20

TEXTS: Final = Texts(
    {
        "line": ("line", "đường truyền"),
        "cabinet": ("cabinet", "tủ"),
        "device": ("device", "thiết bị"),
        "circuit": ("circuit", "lộ"),
        "signal": ("signal", "tín hiệu"),
        "link": ("link", "liên kết"),
        "port": ("port", "cổng"),
        "unit": ("unit", "địa chỉ"),
        "model": ("model", "kiểu máy"),
        "quantity": ("quantity", "đại lượng"),
        "text": ("'{name}' is a text", "'{name}' là văn bản"),
        "number": ("'{name}' is a number", "'{name}' là số"),
        "no_instrument": (
            "'{name}' is no instrument with quantities to set",
            "'{name}' không phải thiết bị đo có đại lượng để đặt",
        ),
        "none": ("none", "không có"),
        "no_such": ("no {what} '{name}'; there is: {known}", "không có {what} '{name}'; hiện có: {known}"),
        "meant": ("did you mean '{name}'?", "ý bạn là '{name}'?"),
        "no_circuit": (
            "{cabinet} has no circuit '{name}'; it has {known}",
            "{cabinet} không có lộ '{name}'; tủ này có: {known}",
        ),
        "no_arcs": (
            "circuit '{name}' of {cabinet} has no sodium lamps, and only those cycle",
            "lộ '{name}' của {cabinet} không có đèn natri, chỉ loại đèn này mới tắt sáng luân phiên",
        ),
        "no_lamp": (
            "circuit '{circuit}' has {lamps} lamps: number {lamp} is none of them",
            "lộ '{circuit}' có {lamps} đèn: không có đèn số {lamp}",
        ),
        "no_driver": (
            "circuit '{circuit}' has sodium lamps: only those with drivers (lamp_kind: led) have controllers",
            "lộ '{circuit}' là đèn natri: chỉ đèn có bộ nguồn điện tử (lamp_kind: led) mới có bộ điều khiển",
        ),
        "given": (
            "'{name}' is what the cabinet or post gives: change that, or let it drift or stay flat",
            "'{name}' do tủ hoặc trụ quyết định: hãy đổi ở đó, hoặc cho nó trôi hay đứng yên",
        ),
        "span": ("'high' is not above 'low'", "'high' không lớn hơn 'low'"),
        "post": ("post", "trụ"),
        "no_meaning": (
            "'{fault}' has no meaning on the serial line of '{name}'",
            "'{fault}' không có nghĩa trên đường truyền nối tiếp của '{name}'",
        ),
        "twice": ("{what} {name} stands twice", "{what} {name} có hai lần"),
        "unit_on_line": ("{unit} on line {line}", "{unit} trên đường truyền {line}"),
        "no_scenario": ("there is no file {file}", "không có tệp {file}"),
        "one_relay": ("a cabinet has one relay board", "mỗi tủ chỉ có một mô-đun rơ-le"),
        "delays": ("'delay_max_s' is below 'delay_s'", "'delay_max_s' nhỏ hơn 'delay_s'"),
        "units_end": (
            "the last unit would be over 247: lower 'unit' or 'count'",
            "địa chỉ cuối sẽ vượt 247: hãy giảm 'unit' hoặc 'count'",
        ),
        "input": ("input {number}: {finding}", "ngõ vào {number}: {finding}"),
    }
)


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """Return the finding that nothing has this name, with what there is and what was probably meant."""
    names = list(known)
    listed = ", ".join(names[:MAX_LISTED]) + (", …" if len(names) > MAX_LISTED else "")
    text = TEXTS.text("no_such", what=TEXTS.text(what), name=name, known=listed or TEXTS.text("none"))
    near = difflib.get_close_matches(name, names, 1)
    return f"{text}; {TEXTS.text('meant', name=near[0])}" if near else text
