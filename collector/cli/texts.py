"""What the command line says, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts

TEXTS: Final = Texts(
    {
        "help": (
            "Lamplighter's collector: stores the city's readings, raises alarms, tells the crews.",
            "Bộ thu thập của Lamplighter: lưu số đo của thành phố, phát cảnh báo, báo cho tổ trực.",
        ),
        "exit_codes": (
            (
                "Exit codes: 0 all is well; 1 something was found (a trouble, nothing matching); 2 wrong usage; "
                "3 the configuration is wrong; 6 store or broker cannot be reached; 7 refused (by the store, "
                "or because another collector uses the folder)."
            ),
            (
                "Mã thoát: 0 bình thường; 1 có vấn đề (có sự cố, hoặc không tìm thấy gì); 2 sai cú pháp; "
                "3 cấu hình sai; 6 không kết nối được kho dữ liệu hoặc broker; 7 bị từ chối (kho dữ liệu từ chối, "
                "hoặc thư mục đang do bộ thu thập khác dùng)."
            ),
        ),
        "help_run": ("Run until SIGTERM or Ctrl-C.", "Chạy cho đến khi nhận SIGTERM hoặc Ctrl-C."),
        "help_check": (
            "Check the configuration and every file that it names.",
            "Kiểm tra cấu hình và mọi tệp mà nó nhắc đến.",
        ),
        "help_query": ("Show stored readings.", "Xem các số đo đã lưu."),
        "help_gateways": (
            "List the gateways: when last heard, how late, online or not.",
            "Liệt kê các gateway: nghe lần cuối lúc nào, trễ bao lâu, có kết nối không.",
        ),
        "help_status": (
            "Show what the collector does, or last did: troubles, queues, counters.",
            "Xem bộ thu thập đang làm gì hoặc đã làm gì: sự cố, hàng đợi, bộ đếm.",
        ),
        "opt_config": ("The collector's YAML file.", "Tệp YAML cấu hình của bộ thu thập."),
        "opt_json": ("Print JSON.", "In ra JSON."),
        "opt_lang": ("Language: en or vi.", "Ngôn ngữ: en hoặc vi."),
        "opt_verbose": ("Log more.", "Ghi nhật ký chi tiết hơn."),
        "opt_gw": ("Only this gateway.", "Chỉ gateway này."),
        "opt_device": ("Only this device.", "Chỉ thiết bị này."),
        "opt_point": ("Only this point.", "Chỉ điểm đo này."),
        "opt_last": ("How far back: 90s, 15m, 1h, 7d.", "Lùi về bao lâu: 90s, 15m, 1h, 7d."),
        "opt_from": (
            "First time, ISO 8601; the city's time zone unless it says another.",
            "Từ thời điểm, ISO 8601; theo múi giờ của thành phố nếu không ghi rõ.",
        ),
        "opt_to": ("End, not included.", "Đến thời điểm (không bao gồm)."),
        "opt_limit": ("Most readings; the newest are shown.", "Số số đo nhiều nhất; lấy các số đo mới nhất."),
        "check_ok": (
            "{file}: all right. {cabinets} cabinets, {gateways} gateways, {rules} rules, {crews} crews, store {store}.",
            "{file}: hợp lệ. {cabinets} tủ điện, {gateways} gateway, {rules} quy tắc, {crews} tổ trực, kho {store}.",
        ),
        "crew_without_channels": (
            "crew '{crew}' looks after {cabinets} cabinets, but 'notify' has no channel for it: nobody would be told",
            "tổ '{crew}' phụ trách {cabinets} tủ điện nhưng 'notify' không có kênh cho tổ này: sẽ không ai được báo",
        ),
        "unknown_service": (
            "crew '{crew}': Apprise knows no service by this URL, or it lacks a part: nobody would be told by it",
            "tổ '{crew}': Apprise không nhận ra dịch vụ của URL này, hoặc URL thiếu phần: sẽ không ai được báo qua đó",
        ),
        "unknown_crew": (
            "there is no crew '{crew}' in {city_file}; there are: {known}",
            "không có tổ '{crew}' trong {city_file}; chỉ có: {known}",
        ),
        "file_missing": ("the file {path} cannot be read: {error}", "không đọc được tệp {path}: {error}"),
        "rule_missing": ("rule file {path}: {error}", "tệp quy tắc {path}: {error}"),
        "state_dir_unusable": (
            "state_dir {path} cannot be used: {error}",
            "không dùng được state_dir {path}: {error}",
        ),
        "already_running": (
            "{path} is used by another collector. Stop it first, or give this one its own state_dir.",
            "{path} đang do bộ thu thập khác dùng. Hãy dừng nó trước, hoặc đặt state_dir riêng.",
        ),
        "never_ran": (
            "No collector has ever run with the state_dir {path}.",
            "Chưa có bộ thu thập nào chạy với state_dir {path}.",
        ),
        "unreadable": ("{path} cannot be read: {error}", "không đọc được {path}: {error}"),
        "store_unavailable": ("The store cannot be reached: {error}", "Không kết nối được kho dữ liệu: {error}"),
        "store_refused": ("The store refused: {error}", "Kho dữ liệu từ chối: {error}"),
        "bad_duration": (
            "'{text}' is no duration: write 90s, 15m, 1h or 7d",
            "'{text}' không phải khoảng thời gian: hãy viết 90s, 15m, 1h hoặc 7d",
        ),
        "bad_time": (
            "'{text}' is no time: write 2026-11-24T18:30 or 2026-11-24T18:30:00+07:00",
            "'{text}' không phải thời điểm: hãy viết 2026-11-24T18:30 hoặc 2026-11-24T18:30:00+07:00",
        ),
        "bad_name": (
            "'{text}' is no name: 1 to 64 of a-z 0-9 - _, beginning with a letter or digit",
            "'{text}' không phải tên hợp lệ: 1 đến 64 ký tự a-z 0-9 - _, bắt đầu bằng chữ hoặc số",
        ),
        "last_or_from": ("give either --last or --from and --to", "chỉ dùng --last, hoặc dùng --from và --to"),
        "nothing_found": ("Nothing stored matches.", "Không có số đo nào phù hợp."),
        "truncated": (
            "Only the newest {limit}; ask for more with --limit.",
            "Chỉ hiện {limit} số đo mới nhất; muốn nhiều hơn hãy dùng --limit.",
        ),
        "no_gateways": ("No gateway has been heard yet.", "Chưa nghe thấy gateway nào."),
        "col_time": ("TIME", "THỜI GIAN"),
        "col_gateway": ("GATEWAY", "GATEWAY"),
        "col_device": ("DEVICE", "THIẾT BỊ"),
        "col_point": ("POINT", "ĐIỂM ĐO"),
        "col_value": ("VALUE", "GIÁ TRỊ"),
        "col_cause": ("NOT GOOD BECAUSE", "LÝ DO KHÔNG TỐT"),
        "col_last_seen": ("LAST HEARD", "NGHE LẦN CUỐI"),
        "col_lag": ("LAG", "ĐỘ TRỄ"),
        "col_online": ("ONLINE", "KẾT NỐI"),
        "col_devices": ("DEVICES", "SỐ THIẾT BỊ"),
        "col_seq": ("BATCH", "SỐ LÔ"),
        "col_software": ("SOFTWARE", "PHẦN MỀM"),
        "yes": ("yes", "có"),
        "no": ("no", "không"),
        "unknown": ("unknown", "chưa rõ"),
        "never": ("never", "chưa bao giờ"),
        "ago": ("{age} ago", "{age} trước"),
        "running": (
            "Collector '{name}' {version} runs (process {pid}); these numbers are {age} old.",
            "Bộ thu thập '{name}' {version} đang chạy (tiến trình {pid}); số liệu cách đây {age}.",
        ),
        "stopped": (
            "Collector '{name}' {version} was stopped {age} ago.",
            "Bộ thu thập '{name}' {version} đã dừng {age} trước.",
        ),
        "dead": (
            (
                "Collector '{name}' {version} has written nothing for {age}: it hangs or is dead, or the disk is full "
                "(process {pid})."
            ),
            (
                "Bộ thu thập '{name}' {version} không ghi gì trong {age}: bị treo, đã chết, hoặc đĩa đã đầy "
                "(tiến trình {pid})."
            ),
        ),
        "broker": ("Broker", "Broker"),
        "orders_state": ("Commands to lights", "Lệnh điều khiển đèn"),
        "store": ("Store ({kind})", "Kho dữ liệu ({kind})"),
        "alarm_state": ("Alarm state", "Trạng thái cảnh báo"),
        "well": ("all is well", "bình thường"),
        "counters": ("Since it started:", "Từ khi khởi động:"),
    }
)
text = TEXTS.text
