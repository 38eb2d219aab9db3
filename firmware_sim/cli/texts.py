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
        "city_help": (
            "Write a city into an empty folder: configurations of simulator, centre and every gateway.",
            "Ghi một thành phố vào thư mục trống: cấu hình của trình giả lập, trung tâm và mọi gateway.",
        ),
        "cabinets_help": (
            "Lighting cabinets; everything else in proportion.",
            "Số tủ chiếu sáng; phần còn lại theo tỷ lệ.",
        ),
        "seed_help": ("The same seed gives the same city.", "Cùng hạt giống thì cùng một thành phố."),
        "out_help": ("The folder.", "Thư mục."),
        "alley_lamps_help": ("Lamps on small cabinets of alleys.", "Số đèn ngõ hẻm trên các tủ nhỏ."),
        "signals_help": ("Traffic signals.", "Số tủ đèn tín hiệu giao thông."),
        "warnings_help": (
            "Warning lights, seven of ten on the sun.",
            "Số trụ đèn cảnh báo, bảy trên mười trụ dùng năng lượng mặt trời.",
        ),
        "first_port_help": (
            "TCP port of the first gateway's devices; the others follow.",
            "Cổng TCP của thiết bị ở gateway thứ nhất; các gateway khác tiếp theo.",
        ),
        "mqtt_port_help": ("Port of the broker on this machine.", "Cổng của broker trên máy này."),
        "fast_help": (
            "Seconds between polls of fast points; normal ones at five times it.",
            "Số giây giữa hai lần đọc điểm nhanh; điểm thường thì gấp năm lần.",
        ),
        "account_help": (
            "Account of the operating system that may command at the centre; yours if not told.",
            "Tài khoản hệ điều hành được ra lệnh ở trung tâm; nếu không nêu thì là tài khoản của bạn.",
        ),
        "not_empty": (
            "{out} is not empty: name a new folder, or empty it first",
            "{out} không trống: hãy chọn thư mục mới hoặc làm trống nó trước",
        ),
        "ports_end": (
            "{count} gateways need as many ports from {first} on, and the last port is 65535: lower --first-port",
            "{count} gateway cần chừng ấy cổng kể từ {first}, mà cổng cuối là 65535: hãy giảm --first-port",
        ),
        "not_written": ("cannot write {out}: {reason}", "không ghi được {out}: {reason}"),
        "city_written": (
            (
                "{out}: {gateways} gateways: {cabinets} lighting cabinets on {streets} streets with {lamps} lamps, "
                "{alley_cabinets} of alleys with {alley_lamps}, {signals} traffic signals, {warnings} warning lights "
                "({solar} on the sun)"
            ),
            (
                "{out}: {gateways} gateway: {cabinets} tủ chiếu sáng trên {streets} đường với {lamps} đèn, "
                "{alley_cabinets} tủ ngõ hẻm với {alley_lamps} đèn, {signals} tủ tín hiệu giao thông, {warnings} trụ "
                "cảnh báo ({solar} dùng pin mặt trời)"
            ),
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
