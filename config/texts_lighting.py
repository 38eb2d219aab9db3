"""What is said of the lights in the configuration of a gateway, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

LIGHTING: Final = {
    "circuits_or_outputs": (
        "lighting switches either 'circuits' or, in the short form, 'outputs': write one of them",
        "lighting bật tắt 'circuits', hoặc dạng ngắn 'outputs': hãy ghi một trong hai",
    ),
    "light_no_state": (
        "'{point}' is no state that is on or off",
        "'{point}' không phải trạng thái bật hay tắt",
    ),
    "light_unit": (
        "'{point}' is no number in {unit}",
        "'{point}' không phải số đo theo {unit}",
    ),
    "levels_of_others": (
        "levels name {names}, and this gateway has none of them but {own}: these burn at every level",
        "levels ghi {names}, tủ này không có mạch nào như vậy mà có {own}: các mạch này sáng ở mọi mức",
    ),
    "point_of_circuit": (
        "'{point}' already belongs to circuit '{circuit}'",
        "'{point}' đã thuộc mạch '{circuit}'",
    ),
    "power_without_full": (
        "circuit '{circuit}' has power points: write full_power_w, all its lamps with their ballasts, in W",
        "mạch '{circuit}' có điểm công suất: hãy ghi full_power_w, tổng công suất đèn kể cả chấn lưu, tính bằng W",
    ),
    "full_without_power": (
        "full_power_w of circuit '{circuit}' needs the power points that it is compared with",
        "full_power_w của mạch '{circuit}' cần các điểm công suất để so sánh",
    ),
}
