"""What `collector lights calendar` says, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts

CALENDAR_TEXTS: Final = Texts(
    {
        "help_calendar": (
            "Calendars: check, preview, publish, follow, compare, roll back.",
            "Lịch chiếu sáng: kiểm tra, xem trước, giao, theo dõi, so sánh, quay lui.",
        ),
        "help_check": ("Check a calendar file.", "Kiểm tra một tệp lịch."),
        "help_preview": (
            "Show what a cabinet does by a calendar, night by night; --picture draws it.",
            "Xem một tủ chạy theo lịch thế nào, từng đêm; --picture vẽ thành hình.",
        ),
        "help_publish": ("Give a calendar to gateways.", "Giao lịch cho gateway."),
        "help_calendar_status": (
            "Show which calendar each gateway is to run, and runs.",
            "Xem mỗi gateway phải chạy và đang chạy lịch nào.",
        ),
        "help_rollback": (
            "Give gateways back what they were to run before.",
            "Trả gateway về lịch trước đó.",
        ),
        "help_continue": ("Go on with a rollout that was held.", "Tiếp tục một đợt giao lịch đang chờ."),
        "help_diff": (
            "Compare two calendars: files, or versions by their numbers.",
            "So sánh hai lịch: tệp, hoặc phiên bản theo số.",
        ),
        "help_list": ("List the published calendars.", "Liệt kê các lịch đã giao."),
        "opt_preview_cabinet": (
            "Where the sun is looked at; the middle of the city if not given.",
            "Nơi tính giờ mặt trời; tâm thành phố nếu không ghi.",
        ),
        "opt_from_day": (
            "First night, 2027-02-05; tonight if not given.",
            "Đêm đầu, 2027-02-05; đêm nay nếu không ghi.",
        ),
        "opt_picture": ("Draw it into this SVG file.", "Vẽ vào tệp SVG này."),
        "opt_first": (
            "Only to so many gateways now; `continue` gives it to the rest.",
            "Chỉ giao trước cho bấy nhiêu gateway; `continue` giao phần còn lại.",
        ),
        "opt_regardless": (
            "Also if some of the first have not applied it.",
            "Kể cả khi các gateway đầu chưa áp dụng.",
        ),
        "check_ok": (
            "{file}: all right. '{name}': {programs} programs, {rules} rules; lit {hours:.0f} h in 365 nights.",
            "{file}: hợp lệ. '{name}': {programs} chương trình, {rules} quy tắc; sáng {hours:.0f} giờ trong 365 đêm.",
        ),
        "check_ok_anywhere": (
            "{file}: all right. '{name}': {programs} programs, {rules} rules.",
            "{file}: hợp lệ. '{name}': {programs} chương trình, {rules} quy tắc.",
        ),
        "hours_short": ("{hours} h {minutes:02d}", "{hours} giờ {minutes:02d}"),
        "col_lit": ("LIT", "SÁNG"),
        "holidays_end": (
            "knows holidays until {day} only: publish again",
            "chỉ biết ngày lễ đến {day}: hãy giao lại",
        ),
        "picture_written": ("{file} written", "đã ghi {file}"),
        "published": (
            "rollout {rollout}: version {version} sent to {count} gateways",
            "đợt {rollout}: đã gửi phiên bản {version} tới {count} gateway",
        ),
        "held_rest": (
            (
                "{count} gateways are held; see `collector lights calendar status`, then: collector lights calendar "
                "continue {rollout} --reason …"
            ),
            (
                "{count} gateway còn chờ; xem `collector lights calendar status`, rồi: collector lights calendar "
                "continue {rollout} --reason …"
            ),
        ),
        "rolled_back": (
            "rollout {rollout}: {count} gateways rolled back",
            "đợt {rollout}: {count} gateway đã quay lui",
        ),
        "no_cabinet": ("no cabinet '{name}'{nearest}", "không có tủ '{name}'{nearest}"),
        "same_nights": ("no difference in {count} nights", "không khác nhau trong {count} đêm"),
        "nights_differ": ("{differ} of {count} nights differ", "{differ} trên {count} đêm khác nhau"),
        "write_failed": ("{file} cannot be written: {error}", "không ghi được {file}: {error}"),
        "holidays_missing": ("{file}: {error}", "{file}: {error}"),
    }
)
