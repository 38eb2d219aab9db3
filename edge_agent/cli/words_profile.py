"""Texts of `edge-agent profile`, `setup` and `decode --registers`, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

PROFILE: Final = {
    "help_profile": (
        "Device profiles: check one of your own, list and show those there are.",
        "Hồ sơ thiết bị: kiểm tra hồ sơ tự viết, liệt kê và xem hồ sơ có sẵn.",
    ),
    "help_profile_check": (
        "Check a profile FILE: all mistakes at once, then what polling costs the line.",
        "Kiểm tra hồ sơ FILE: báo hết lỗi một lần, rồi tính chi phí đọc trên đường truyền.",
    ),
    "help_profile_list": ("List the profiles that the software ships.", "Liệt kê các hồ sơ có sẵn."),
    "help_profile_show": (
        "Show a profile by NAME or file: source, probe, settings, points.",
        "Xem một hồ sơ theo tên hoặc tệp: nguồn, probe, cài đặt, điểm đo.",
    ),
    "help_setup": (
        "Compare DEVICE's own settings with those its profile wants. The agent must not run.",
        "So cài đặt trong DEVICE với hồ sơ. Dừng tác nhân trước khi chạy.",
    ),
    "help_write": (
        "Write those that differ, one by one, and read each back.",
        "Ghi các cài đặt khác, từng cái một, rồi đọc lại.",
    ),
    "help_registers": (
        "Registers instead of a frame: 40001=17234,40002=0x4366 or input:0x0000=0x4366.",
        "Thanh ghi thay cho khung: 40001=17234,40002=0x4366 hoặc input:0x0000=0x4366.",
    ),
    "note": ("note", "lưu ý"),
    "no_name": ("'{key}' is empty", "'{key}' để trống"),
    "not_translated": (
        "'{name}' is the same in both languages: not translated?",
        "'{name}' giống nhau ở hai ngôn ngữ: chưa dịch?",
    ),
    "unit_scaled": (
        "values are stored in {stored}: write unit {stored} and multiply scale by {factor} (now {unit})",
        "giá trị lưu bằng {stored}: ghi unit {stored} và nhân scale với {factor} (đang là {unit})",
    ),
    "unit_spelling": ("'{unit}' is spelt '{better}' here", "'{unit}' ở đây viết là '{better}'"),
    "unit_unknown": (
        "no shipped profile has the unit '{unit}': is it spelt right?",
        "không hồ sơ có sẵn nào dùng đơn vị '{unit}': viết đúng chưa?",
    ),
    "too_wide": (
        "no request can fetch '{point}': it takes {width}, the device gives {most} at once",
        "không yêu cầu nào đọc được '{point}': cần {width}, thiết bị chỉ cho {most} mỗi lần",
    ),
    "forbidden": (
        "no request can fetch '{point}': limits.forbidden covers it",
        "không yêu cầu nào đọc được '{point}': nằm trong limits.forbidden",
    ),
    "same_registers": (
        "'{point}' stands in the same registers as '{other}'",
        "'{point}' trùng thanh ghi với '{other}'",
    ),
    "overlap": (
        "'{point}' shares registers with '{other}': one of the addresses or types is wrong?",
        "'{point}' chồng thanh ghi với '{other}': sai địa chỉ hoặc kiểu?",
    ),
    "no_probe": (
        "there is no probe: another device in its place is read as if it were this one",
        "không có probe: thiết bị khác lắp vào chỗ này vẫn được đọc như thể đúng loại",
    ),
    "probe_empty": (
        "the probe proves nothing: every value that '{point}' can have passes",
        "probe không chứng minh được gì: mọi giá trị của '{point}' đều qua",
    ),
    "probe_zero": (
        "0 passes the probe, and many devices answer 0 where they have nothing: raise low, or inconclusive: [0]",
        "giá trị 0 qua được probe, mà nhiều thiết bị trả 0 ở chỗ trống: tăng low, hoặc ghi inconclusive: [0]",
    ),
    "setup_value": (
        "want {want} cannot stand in '{point}' ({type} and its scale)",
        "want {want} không ghi được vào '{point}' (kiểu {type} và scale)",
    ),
    "profile_good": (
        "{file}: {name}, {points} points: nothing wrong.",
        "{file}: {name}, {points} điểm đo: không có lỗi.",
    ),
    "profile_head": ("{name}, {points} points", "{name}, {points} điểm đo"),
    "profile_cost": (
        "Least bus time at 9600 baud 8N1; what the device needs to think comes on top.",
        "Thời gian tối thiểu ở 9600 baud 8N1; chưa kể thời gian thiết bị xử lý.",
    ),
    "profile_instrument": (
        "Protocol {protocol}; {points} points come in its own frames.",
        "Giao thức {protocol}; {points} điểm đo nằm trong khung riêng của nó.",
    ),
    "column_class": ("CLASS", "NHÓM ĐỌC"),
    "column_points": ("POINTS", "SỐ ĐIỂM"),
    "column_requests": ("REQUESTS", "YÊU CẦU"),
    "column_bytes": ("BYTES", "BYTE"),
    "column_bus": ("BUS", "ĐƯỜNG TRUYỀN"),
    "column_address": ("ADDRESS", "ĐỊA CHỈ"),
    "column_type": ("TYPE", "KIỂU"),
    "column_poll": ("POLL", "ĐỌC"),
    "column_profile": ("PROFILE", "HỒ SƠ"),
    "column_verified": ("VERIFIED BY", "ĐỐI CHIẾU VỚI"),
    "class_all": ("all at once", "tất cả một lượt"),
    "verified_manual": ("the manual", "tài liệu"),
    "verified_code": ("code that runs it", "phần mềm đang dùng"),
    "verified_secondary": ("secondary", "nguồn phụ"),
    "show_source": ("Source: {manual}, {page} (firmware {firmware})", "Nguồn: {manual}, {page} (firmware {firmware})"),
    "show_verified": ("Origin: {origin}; verified by: {verified}", "Gốc: {origin}; đối chiếu với: {verified}"),
    "origin_recorded": ("recorded from a device", "ghi từ thiết bị thật"),
    "origin_composed": ("composed, not from a device of ours", "biên soạn, chưa có thiết bị thật"),
    "show_probe": ("Probe: {point} must be {wanted}", "Probe: {point} phải là {wanted}"),
    "show_setup": ("Setting: {points}: {why}", "Cài đặt: {points}: {why}"),
    "show_range": ("{low:.15g} to {high:.15g}", "{low:.15g} đến {high:.15g}"),
    "show_begins": ("a text that begins with '{text}'", "văn bản bắt đầu bằng '{text}'"),
    "show_contains": ("a text with '{text}' in it", "văn bản có '{text}'"),
    "writable": ("writable", "ghi được"),
    "setup_none": (
        "profile '{profile}' of '{device}' names no settings",
        "hồ sơ '{profile}' của '{device}' không có mục setup",
    ),
    "setup_running": (
        "the agent runs and holds the line: sudo systemctl stop edge-agent, and start it afterwards",
        "tác nhân đang chạy và giữ đường truyền: sudo systemctl stop edge-agent, xong thì chạy lại",
    ),
    "setup_other_device": ("nothing was written: {error}", "chưa ghi gì: {error}"),
    "setup_agrees": ("as wanted", "đúng"),
    "setup_differs": ("DIFFERS", "KHÁC"),
    "setup_missing": ("device has no such setting", "thiết bị không có cài đặt này"),
    "setup_unread": ("not read: {cause}", "không đọc được: {cause}"),
    "setup_written": ("written and read back", "đã ghi và đọc lại"),
    "setup_not_kept": ("WRITTEN, BUT NOT KEPT", "ĐÃ GHI NHƯNG KHÔNG GIỮ"),
    "setup_failed": ("NOT WRITTEN: {error}", "CHƯA GHI: {error}"),
    "setup_good": ("{device}: all {count} settings are as wanted.", "{device}: cả {count} cài đặt đều đúng."),
    "setup_left": (
        "{device}: {count} of {all} settings differ; --write writes them.",
        "{device}: {count}/{all} cài đặt khác; dùng --write để ghi.",
    ),
    "setup_left_after": (
        "{device}: {count} of {all} settings still differ.",
        "{device}: {count}/{all} cài đặt vẫn khác.",
    ),
    "column_found": ("FOUND", "HIỆN CÓ"),
    "column_wanted": ("WANTED", "CẦN"),
    "column_setting": ("SETTING", "CÀI ĐẶT"),
    "decode_one": ("give either --hex or --registers", "chỉ ghi một trong hai: --hex hoặc --registers"),
    "decode_request_hex": ("--request goes with --hex", "--request đi cùng --hex"),
    "registers_head": ("{count} registers or bits", "{count} thanh ghi hoặc bit"),
    "other_orders": ("other word orders: {orders}", "thứ tự từ khác: {orders}"),
}
