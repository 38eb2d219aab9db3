"""What `collector lights report` and `relamp` say, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "help_report": (
            "A month of lights: energy against plan and full nights, burning hours, dark minutes.",
            "Báo cáo tháng: điện năng so với kế hoạch và so với sáng cả đêm, giờ cháy, số phút tối.",
        ),
        "help_relamp": (
            "Log that lamps were replaced: their base is learned anew in seven nights.",
            "Ghi việc thay đèn: mức chuẩn của mạch được học lại trong bảy đêm.",
        ),
        "opt_month": ("YYYY-MM, this or last.", "YYYY-MM, this (tháng này) hoặc last (tháng trước)."),
        "opt_ward": ("Only this ward, by id or name.", "Chỉ phường/xã này, theo mã hoặc tên."),
        "opt_csv": ("Write all cabinets, circuits and wards to this file.", "Ghi mọi tủ, mạch và phường vào tệp này."),
        "opt_chart": ("Draw the month's nights into this SVG file.", "Vẽ các đêm trong tháng vào tệp SVG này."),
        "opt_cabinet": ("The cabinet's id.", "Mã tủ."),
        "opt_circuit": ("Only this circuit; may be repeated.", "Chỉ mạch này; có thể lặp lại."),
        "opt_by": ("Who replaced them.", "Người thay đèn."),
        "bad_month": (
            "'{text}' is no month: write 2026-11, this or last",
            "'{text}' không phải tháng: hãy ghi 2026-11, this hoặc last",
        ),
        "no_ward": ("no ward '{name}'; there are: {names}", "không có phường/xã '{name}'; hiện có: {names}"),
        "no_cabinet": ("no cabinet '{name}' in the inventory", "không có tủ '{name}' trong danh mục"),
        "no_circuit": ("no circuit '{name}'; there are: {names}", "không có mạch '{name}'; hiện có: {names}"),
        "none": ("none", "không có gì"),
        "never_ran": (
            "no collector has watched lights with state_dir {path} yet",
            "chưa có bộ thu thập nào theo dõi đèn với state_dir {path}",
        ),
        "not_readable": ("lights.db: {error}", "lights.db: {error}"),
        "not_written": ("{file} cannot be written: {error}", "không ghi được {file}: {error}"),
        "written": ("written: {file}", "đã ghi: {file}"),
        "no_nights": ("nothing is known of {month}", "chưa có dữ liệu của {month}"),
        "aged": (
            "{cabinet}, circuit {circuit}: draws {percent} % of its nameplates: old lamps, or fewer than listed",
            "{cabinet}, mạch {circuit}: công suất chỉ bằng {percent} % danh định: đèn đã già, hoặc ít đèn hơn danh mục",
        ),
        "above": (
            "{cabinet}, circuit {circuit}: draws {percent} % of its nameplates: mend the inventory, or look for a tap",
            "{cabinet}, mạch {circuit}: công suất bằng {percent} % danh định: hãy sửa danh mục, hoặc tìm chỗ câu trộm",
        ),
        "relamped": (
            "logged: {cabinet}, circuits {circuits}; a running collector begins their base anew",
            "đã ghi: {cabinet}, mạch {circuits}; bộ thu thập đang chạy sẽ học lại mức chuẩn",
        ),
        "total": ("total", "tổng"),
        "col_cabinet": ("CABINET", "TỦ"),
        "col_ward": ("WARD", "PHƯỜNG/XÃ"),
        "col_lamps": ("LAMPS (OUT)", "ĐÈN (HỎNG)"),
        "col_nights": ("NIGHTS", "SỐ ĐÊM"),
        "col_energy": ("kWh", "kWh"),
        "col_plan": ("PLAN kWh", "KẾ HOẠCH kWh"),
        "col_saved": ("SAVED kWh", "TIẾT KIỆM kWh"),
        "col_percent": ("SAVED", "TIẾT KIỆM"),
        "col_burning": ("BURNING/PLAN h", "GIỜ CHÁY/KẾ HOẠCH"),
        "col_switchings": ("SWITCHED", "SỐ LẦN ĐÓNG"),
        "col_unlit": ("DARK min", "PHÚT TỐI"),
        "col_unknown": ("UNKNOWN min", "PHÚT CHƯA RÕ"),
        "chart_title": ("Energy of the lights, {month}, {where}", "Điện năng chiếu sáng, tháng {month}, {where}"),
        "chart_energy": ("measured", "đo được"),
        "chart_partly": ("measured at some of the cabinets", "chỉ đo được ở một số tủ"),
        "chart_plan": ("planned by the calendar", "theo lịch"),
        "chart_full": ("all lamps from sunset to sunrise", "mọi đèn từ hoàng hôn đến bình minh"),
        "chart_no_night": ("not measured", "không có số đo"),
    }
)
