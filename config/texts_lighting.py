"""What is said of the lights in the configuration of a gateway, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

LIGHTING: Final = {
    "circuits_or_outputs": (
        "lighting switches either 'circuits' or, in the short form, 'outputs': write one of them",
        "lighting bật tắt 'circuits', hoặc dạng ngắn 'outputs': hãy ghi một trong hai",
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
