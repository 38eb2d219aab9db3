"""What the command line says, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "main_help": (
            "Simulated lighting cabinets on serial (pty) and TCP lines.",
            "Giả lập tủ điều khiển chiếu sáng trên đường truyền nối tiếp (pty) và TCP.",
        ),
        "exit_codes": (
            "Exit codes: 0 done, 1 a line could not be opened, 2 wrong usage, 3 wrong configuration.",
            "Mã thoát: 0 xong, 1 không mở được đường truyền, 2 sai cú pháp lệnh, 3 sai cấu hình.",
        ),
        "lang_help": ("Language of all texts.", "Ngôn ngữ hiển thị."),
        "version_help": ("Show the version and exit.", "Hiện phiên bản rồi thoát."),
        "run_help": (
            "Run the cabinets of CONFIG until SIGTERM or Ctrl-C.",
            "Chạy các tủ trong CONFIG cho đến khi nhận SIGTERM hoặc Ctrl-C.",
        ),
        "run_scenario_help": (
            "Time line of events; wins over the one that CONFIG names.",
            "Kịch bản sự kiện theo thời gian; thay cho kịch bản ghi trong CONFIG.",
        ),
        "control_help": (
            "Unix socket that takes commands as JSON lines.",
            "Unix socket nhận lệnh, mỗi dòng một JSON.",
        ),
        "ready_file_help": (
            "File written as JSON once every line is open.",
            "Tệp JSON được ghi khi mọi đường truyền đã mở.",
        ),
        "journal_help": (
            "File that gets a JSON line for every answered read.",
            "Tệp ghi một dòng JSON cho mỗi lần đọc được trả lời.",
        ),
        "json_help": ("Print JSON.", "In ra dạng JSON."),
        "scenario_help": ("Look at scenario files.", "Xem và kiểm tra tệp kịch bản."),
        "control_command_help": (
            "Send one command to a running simulator: firmware-sim control SOCKET mains_lost cabinet=c-117.",
            "Gửi một lệnh đến trình giả lập đang chạy: firmware-sim control SOCKET mains_lost cabinet=c-117.",
        ),
        "fact_wanted": ("'{fact}' is not KEY=VALUE", "'{fact}' không có dạng KHÓA=GIÁ TRỊ"),
        "done": ("done", "đã xong"),
        "check_help": (
            "Check FILE; with --config also the names of cabinets, circuits and devices.",
            "Kiểm tra FILE; có --config thì kiểm tra cả tên tủ, lộ và thiết bị.",
        ),
        "show_help": ("Print the time line of FILE.", "In dòng thời gian của FILE."),
        "config_help": (
            "Simulator configuration to hold the scenario against.",
            "Cấu hình giả lập để đối chiếu với kịch bản.",
        ),
        "ready_rtu": (
            "line {id}: {path}, {baud} baud, {parity}{stop_bits}",
            "đường truyền {id}: {path}, {baud} baud, {parity}{stop_bits}",
        ),
        "ready_instrument": (
            "line {id}: {path}, {baud} baud, {data_bits}{parity}{stop_bits}, instruments",
            "đường truyền {id}: {path}, {baud} baud, {data_bits}{parity}{stop_bits}, thiết bị đo",
        ),
        "ready_tcp": ("line {id}: {host} port {port}", "đường truyền {id}: {host} cổng {port}"),
        "ready": ("ready: {cabinets} cabinets, {devices} devices", "sẵn sàng: {cabinets} tủ, {devices} thiết bị"),
        "stopped": ("stopped", "đã dừng"),
        "not_open": ("cannot open: {error}", "không mở được: {error}"),
        "line_not_open": (
            "line {name} ({where}) cannot be opened: {reason}",
            "không mở được đường truyền {name} ({where}): {reason}",
        ),
        "control_not_open": (
            "the control socket {where} cannot be opened: {reason}",
            "không mở được socket điều khiển {where}: {reason}",
        ),
        "in_use": ("another program uses it", "chương trình khác đang sử dụng"),
        "link_served": (
            "{link} belongs to another running simulator: stop that one, or choose another 'link'",
            "{link} thuộc về một trình giả lập khác đang chạy: hãy dừng nó hoặc chọn 'link' khác",
        ),
        "link_is_file": (
            "{link} exists and is no link: remove it, or choose another 'link'",
            "{link} đã có sẵn và không phải liên kết: hãy xóa nó hoặc chọn 'link' khác",
        ),
        "nobody_there": (
            "no simulator listens at {where}: {reason}",
            "không có trình giả lập nào lắng nghe tại {where}: {reason}",
        ),
        "no_answer": (
            "{where} gave no answer of a simulator",
            "{where} không trả lời như một trình giả lập",
        ),
        "scenario_ok": ("{file}: {steps} steps, no errors", "{file}: {steps} bước, không có lỗi"),
        "time_column": ("at, s", "lúc, giây"),
        "event_column": ("event", "sự kiện"),
        "target_column": ("where", "ở đâu"),
        "facts_column": ("details", "chi tiết"),
    }
)
