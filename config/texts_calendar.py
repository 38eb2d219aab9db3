"""What is said of a calendar of the lights, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

CALENDAR: Final = {
    "no_time": (
        "'{given}' is no time: write 18:45, sunset, sunset-10 or sunrise+5",
        "'{given}' không phải giờ: hãy ghi 18:45, sunset, sunset-10 hoặc sunrise+5",
    ),
    "far_from_sun": (
        "'{given}': at most {minutes} minutes from the sun's event",
        "'{given}': cách lúc mặt trời mọc, lặn tối đa {minutes} phút",
    ),
    "bound_no_time": (
        "{bound} '{given}' is no time: write 18:45",
        "{bound} '{given}' không phải giờ: hãy ghi 18:45",
    ),
    "bounds_of_fixed_time": (
        "not_before and not_after bound the sun's events; a fixed time needs none",
        "not_before và not_after chỉ giới hạn giờ theo mặt trời; giờ cố định không cần",
    ),
    "bounds_crossed": (
        "not_before lies after not_after (the lighting day runs from noon to noon)",
        "not_before muộn hơn not_after (ngày chiếu sáng tính từ trưa đến trưa)",
    ),
    "no_period": ("a schedule needs at least one period", "lịch cần ít nhất một khoảng thời gian"),
    "calendar_empty": (
        "a calendar needs periods, or programs",
        "lịch cần có periods (một chương trình) hoặc programs (nhiều chương trình)",
    ),
    "calendar_both": (
        "periods are the short form of one program: put them into programs",
        "periods là dạng rút gọn của một chương trình: hãy đưa vào programs",
    ),
    "no_program": (
        "no program '{name}'; there are: {names}",
        "không có chương trình '{name}'; hiện có: {names}",
    ),
    "no_rule": ("'{name}' is no rule of this calendar", "lịch này không có quy tắc '{name}'"),
    "no_level": (
        "no level {level} in levels; there are: {names}",
        "levels không có mức {level}; hiện có: {names}",
    ),
    "level_falls": (
        "level {level} leaves out {names}, which burn at a lower level",
        "mức {level} bỏ {names}, trong khi mức thấp hơn lại có",
    ),
    "when_empty": (
        "a rule without a condition would hide all rules after it: name its days, or use default",
        "quy tắc không có điều kiện sẽ che mọi quy tắc sau nó: hãy ghi các ngày, hoặc dùng default",
    ),
    "no_date": ("'{given}' is no date: write 2027-02-05", "'{given}' không phải ngày: hãy ghi 2027-02-05"),
    "no_range": (
        "'{given}' is no range: write 2026-12-20..2027-01-05",
        "'{given}' không phải khoảng ngày: hãy ghi 2026-12-20..2027-01-05",
    ),
    "range_crossed": ("'{given}' ends before it begins", "'{given}' kết thúc trước khi bắt đầu"),
    "no_yearly": (
        "'{given}' is no range of every year: write 05-16..06-30 or 04-30",
        "'{given}' không phải khoảng ngày hằng năm: hãy ghi 05-16..06-30 (tháng-ngày) hoặc 04-30",
    ),
    "no_nth": (
        "nth counts from 1, or from -1 at the month's end",
        "nth đếm từ 1, hoặc từ -1 tính từ cuối tháng",
    ),
    "lux_crossed": (
        "on_below_lux must lie below off_above_lux: else the lamps would flicker",
        "on_below_lux phải nhỏ hơn off_above_lux: nếu không đèn sẽ chập chờn",
    ),
    "sun_table": ("the sun's times must rise", "giờ mặt trời phải tăng dần"),
    "holidays_missing": (
        "holidays need the package 'holidays': pip install 'lamplighter[collector]'",
        "ngày lễ cần gói 'holidays': pip install 'lamplighter[collector]'",
    ),
    "no_country": (
        "no holidays are known of the country '{country}'",
        "không có ngày lễ của quốc gia '{country}'",
    ),
    "no_subdivision": (
        "no subdivision '{name}' of {country}; there are: {names}",
        "{country} không có vùng '{name}'; hiện có: {names}",
    ),
    "no_holiday": (
        "no holiday '{name}' in {country}; there are: {names}",
        "{country} không có ngày lễ '{name}'; hiện có: {names}",
    ),
    "zone_elsewhere": (
        "longitude {longitude:g} and zone {zone} are {hours} hours apart: is a sign wrong?",
        "kinh độ {longitude:g} và múi giờ {zone} lệch {hours} giờ: có sai dấu không?",
    ),
}
