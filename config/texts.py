"""What is said of a configuration file, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from config.language import Texts
from config.texts_calendar import CALENDAR
from config.texts_lighting import LIGHTING
from config.texts_quality import QUALITY

_LOADING: Final = {
    "not_a_file": ("is not a file", "không phải là tệp"),
    "no_such_file": ("cannot be read: there is no such file", "không đọc được: không có tệp này"),
    "not_permitted": ("cannot be read: no permission", "không đọc được: không có quyền đọc"),
    "not_readable": ("cannot be read: {error}", "không đọc được: {error}"),
    "too_large": ("larger than {bytes} bytes", "lớn hơn {bytes} byte"),
    "not_utf8": ("not UTF-8 text; save the file as UTF-8", "không phải văn bản UTF-8; hãy lưu tệp dạng UTF-8"),
    "utf16": (
        "this is UTF-16 or no text at all; save the file as UTF-8",
        "đây là UTF-16 hoặc không phải văn bản; hãy lưu tệp dạng UTF-8",
    ),
    "empty_file": ("the file is empty", "tệp trống"),
}
_YAML: Final = {
    "yaml": ("not YAML: {problem}", "không phải YAML: {problem}"),
    "yaml_character": (
        "not YAML: the character {character} may not stand in it",
        "không phải YAML: không được có ký tự {character}",
    ),
    "yaml_tab": (
        "not YAML: a tab stands here; indent and separate with spaces",
        "không phải YAML: ở đây có ký tự tab; hãy thụt lề và ngăn cách bằng dấu cách",
    ),
    "yaml_first_character": (
        "not YAML: no value begins with {character}; put it in quotes",
        "không phải YAML: giá trị không được bắt đầu bằng {character}; hãy đặt trong dấu nháy",
    ),
    "yaml_indent": (
        "not YAML: the indentation of this line does not fit the lines above it",
        "không phải YAML: thụt lề của dòng này không khớp với các dòng trên",
    ),
    "yaml_colon": (
        "not YAML: no ': ' is expected here; this line is indented too far, or a text with ': ' needs quotes",
        "không phải YAML: không chờ ': ' ở đây; dòng này thụt lề quá sâu, hoặc văn bản có ': ' cần dấu nháy",
    ),
    "yaml_no_colon": (
        "not YAML: a key is followed by ':' and a space, such as 'unit: 1'",
        "không phải YAML: sau khóa phải có ':' và một dấu cách, ví dụ 'unit: 1'",
    ),
    "yaml_dash": (
        "not YAML: no '- ' is expected here; give the list lines of its own",
        "không phải YAML: không chờ '- ' ở đây; danh sách phải nằm ở dòng riêng",
    ),
    "yaml_quote": (
        "not YAML: the quote that opens here is never closed",
        "không phải YAML: dấu nháy mở ở đây không được đóng",
    ),
    "yaml_escape": (
        "not YAML: in double quotes '\\' begins an escape; use single quotes",
        "không phải YAML: trong nháy kép, '\\' bắt đầu một mã thoát; hãy dùng nháy đơn",
    ),
    "yaml_bracket": (
        "not YAML: the bracket that opens here is not closed, or a ',' is missing (seen in line {line})",
        "không phải YAML: ngoặc mở ở đây không được đóng, hoặc thiếu ',' (thấy ở dòng {line})",
    ),
    "yaml_document": (
        "not YAML: a file holds one document, here begins another document",
        "không phải YAML: mỗi tệp một tài liệu, ở đây bắt đầu tài liệu khác",
    ),
    "yaml_alias": (
        "not YAML: aliases (*name) are not read; write it out",
        "không phải YAML: không đọc bí danh (*tên); hãy viết đầy đủ",
    ),
    "yaml_deep": ("not YAML: nested deeper than {depth} levels", "không phải YAML: lồng sâu hơn {depth} mức"),
    "digits": (
        "cannot be read: an integer has at most {digits} digits",
        "không đọc được: số nguyên có tối đa {digits} chữ số",
    ),
    "tag": ("cannot be read: tags ({tag}) are not read", "không đọc được: không đọc thẻ ({tag})"),
    "key_no_word": ("a key must be a plain word", "khóa phải là một từ đơn giản"),
    "key_twice": ("'{key}' stands twice, first in line {line}", "'{key}' có hai lần, lần đầu ở dòng {line}"),
}
_KEYS: Final = {
    "missing": ("'{key}' is missing", "thiếu '{key}'"),
    "missing_in": ("'{key}' is missing in {where}", "thiếu '{key}' trong {where}"),
    "unknown": ("unknown key '{key}'", "không có khóa '{key}'"),
    "known": ("known here: {names}", "ở đây có: {names}"),
    "meant": ("did you mean '{name}'?", "có phải là '{name}'?"),
    "meant_by": ("did you mean it by '{name}'?", "có phải ý là '{name}'?"),
    "none_of": ("'{given}' is none of: {names}", "'{given}' không thuộc: {names}"),
    "kind_missing": (
        "'{key}' is missing in {where}; it is one of: {names}",
        "thiếu '{key}' trong {where}; chọn một trong: {names}",
    ),
    "nothing_given": ("nothing is given", "chưa ghi gì"),
    "given": ("given: {value}", "đã ghi: {value}"),
}
_VALUES: Final = {
    "bool_type": ("write true or false", "hãy ghi true hoặc false"),
    "int_type": ("must be a whole number", "phải là số nguyên"),
    "float_type": ("must be a number", "phải là số"),
    "finite_number": ("must be a finite number", "phải là số hữu hạn"),
    "string_type": ("must be a text", "phải là văn bản"),
    "path_type": ("must be a path", "phải là đường dẫn"),
    "greater_than": ("must be above {gt}", "phải lớn hơn {gt}"),
    "greater_than_equal": ("must be at least {ge}", "phải từ {ge} trở lên"),
    "less_than": ("must be below {lt}", "phải nhỏ hơn {lt}"),
    "less_than_equal": ("must be at most {le}", "phải không quá {le}"),
    "literal_error": ("must be one of: {names}", "phải là một trong: {names}"),
    "model_type": ("must be a mapping: lines of 'key: value'", "phải là các dòng 'khóa: giá trị'"),
    "list_type": (
        "must be a list: lines that begin with '- '",
        "phải là danh sách: các dòng bắt đầu bằng '- '",
    ),
    "too_short": ("must have at least one item", "phải có ít nhất một mục"),
    "too_long": (
        "must have at most {max_length} items, has {actual_length}",
        "tối đa {max_length} mục, đang có {actual_length}",
    ),
    "string_too_short": ("must not be empty", "không được để trống"),
    "string_too_long": ("must have at most {max_length} characters", "tối đa {max_length} ký tự"),
    "string_pattern_mismatch": ("must have the form {pattern}", "phải có dạng {pattern}"),
    "name_form": (
        "a name has 1 to 64 of a-z 0-9 - _ and begins with a letter or digit",
        "tên gồm 1 đến 64 ký tự a-z 0-9 - _ và bắt đầu bằng chữ cái hoặc chữ số",
    ),
    "point_form": (
        "write device/point, each 1 to 64 of a-z 0-9 - _",
        "hãy ghi thiết_bị/điểm, mỗi phần 1 đến 64 ký tự a-z 0-9 - _",
    ),
    "root_form": (
        "write 1 to 4 levels such as city/v1, each of a-z 0-9 - _",
        "hãy ghi 1 đến 4 mức như city/v1, mỗi mức gồm a-z 0-9 - _",
    ),
    "country_form": (
        "write the two capital letters of ISO 3166, such as VN",
        "hãy ghi hai chữ cái in hoa theo ISO 3166, ví dụ VN",
    ),
    "line_form": ("must be one line of text", "phải là một dòng văn bản"),
    "circuit_form": (
        "a circuit has 1 to 32 of A-Z a-z 0-9 - _ and begins with a letter or digit",
        "mạch gồm 1 đến 32 ký tự A-Z a-z 0-9 - _ và bắt đầu bằng chữ cái hoặc chữ số",
    ),
    "hint_quotes": ("put it in quotes", "hãy đặt trong dấu nháy"),
    "hint_no_quotes": ("write it without quotes", "hãy ghi không có dấu nháy"),
    "hint_point": ("the decimal sign is a point, such as 0.5", "dấu thập phân là dấu chấm, ví dụ 0.5"),
}
_AGREEMENT: Final = {
    "twice_in_list": (
        "'{name}' stands twice; it is already number {number} of the list",
        "'{name}' có hai lần; đã có ở vị trí {number} trong danh sách",
    ),
    "no_such": ("no {what} '{name}'; there are: {names}", "không có {what} '{name}'; hiện có: {names}"),
    "none": ("none", "không có gì"),
    "line": ("line", "đường truyền"),
    "device": ("device", "thiết bị"),
    "point": ("point", "điểm"),
    "profile": ("profile", "kiểu thiết bị"),
    "crew": ("crew", "đội"),
    "ward": ("ward", "phường"),
    "feeder": ("feeder", "tuyến điện"),
    "no_zone": (
        "no time zone '{zone}'; write one such as Asia/Ho_Chi_Minh",
        "không có múi giờ '{zone}'; hãy ghi như Asia/Ho_Chi_Minh",
    ),
    "tls_pair": ("cert_file and key_file stand together", "cert_file và key_file phải đi cùng nhau"),
    "no_transaction": (
        "frames of framing rtu carry no transaction id: leave this out",
        "khung kiểu rtu không có mã giao dịch: hãy bỏ mục này",
    ),
    "no_quiet_pause": (
        "quiet_pause_s belongs to framing: rtu; framing: tcp knows late answers by their transaction id",
        "quiet_pause_s chỉ dùng với framing: rtu; framing: tcp nhận ra trả lời trễ nhờ mã giao dịch",
    ),
    "seven_bits": (
        "line '{line}' sends 7 data bits; Modbus RTU needs 8, or set framing: ascii",
        "đường truyền '{line}' dùng 7 bit dữ liệu; Modbus RTU cần 8, hoặc đặt framing: ascii",
    ),
    "same_port": (
        "{port} is the same device as {address} of line '{other}': one line for all devices on it",
        "{port} chính là {address} của đường truyền '{other}': mọi thiết bị trên đó dùng chung một đường truyền",
    ),
    "renamed_twice": ("'{name}' is already the name of '{key}'", "'{name}' đã là tên của '{key}'"),
    "high_below_low": ("high {high:g} lies below low {low:g}", "high {high:g} nhỏ hơn low {low:g}"),
    "not_allowed": ("commands.allow does not list '{point}'", "commands.allow không có '{point}'"),
    "lighting_place": (
        "lighting needs 'place': the sun and the hour depend on it",
        "lighting cần có 'place': mặt trời và giờ phụ thuộc vào đó",
    ),
    "reserved": ("'{name}' is reserved: choose another name", "tên '{name}' đã dành riêng: hãy chọn tên khác"),
    "counter_is_device": (
        "'{name}' is already the id of a device",
        "'{name}' đã là mã của một thiết bị",
    ),
    "counter_no_input": (
        "'{point}' is no input: a counter counts the changes of a bool",
        "'{point}' không phải ngõ vào: bộ đếm chỉ đếm thay đổi của điểm kiểu bool",
    ),
    "counter_too_slow": (
        "'{point}' is read every {interval:g} s; every {needed:g} s is needed for pulses of {pulse:g} s",
        "'{point}' được đọc mỗi {interval:g} s; xung dài {pulse:g} s cần đọc mỗi {needed:g} s, nếu không sẽ đếm sót",
    ),
    "counter_never": (
        "debounce_s {debounce:g} is not shorter than shortest_pulse_s {pulse:g}: no pulse lasts long enough",
        "debounce_s {debounce:g} không ngắn hơn shortest_pulse_s {pulse:g}: không xung nào đủ dài",
    ),
    "instrument_wrong": ("{problem}", "hồ sơ thiết bị không hợp lệ: {problem}"),
    "instrument_line": (
        "'{protocol}' needs a line of kind serial",
        "'{protocol}' cần đường truyền loại serial",
    ),
    "talker_shares": (
        "this instrument talks by itself: it cannot share line '{line}' with '{device}'",
        "thiết bị này tự gửi dữ liệu: không thể dùng chung đường truyền '{line}' với '{device}'",
    ),
    "address_twice": (
        "address {address} on line '{line}' is already that of '{device}'",
        "địa chỉ {address} trên đường truyền '{line}' đã thuộc về '{device}'",
    ),
    "sdi12_line": (
        "SDI-12 is 1200 baud, 7 data bits, even parity: set baud: 1200, data_bits: 7, parity: E",
        "SDI-12 dùng 1200 baud, 7 bit dữ liệu, chẵn lẻ chẵn: đặt baud: 1200, data_bits: 7, parity: E",
    ),
    "same_line": (
        "line '{other}' already uses {address}: one line for all devices on it",
        "đường truyền '{other}' đã dùng {address}: mọi thiết bị trên đó dùng chung một đường truyền",
    ),
    "not_writable": ("'{point}' cannot be written", "'{point}' không ghi được"),
    "points_named_twice": ("two points are named {names}", "hai điểm cùng tên {names}"),
    "named_file": ("{file}: {reason}", "{file}: {reason}"),
    "unit_broadcast": (
        "unit 0 is a call to all on a serial line, and nobody answers it: use 1 to 247",
        "địa chỉ 0 trên đường nối tiếp là gọi tất cả, không ai trả lời: hãy dùng 1 đến 247",
    ),
    "unit_reserved": (
        "unit {unit} is reserved by Modbus (1 to 247 are free): right only if the device's manual says so",
        "địa chỉ {unit} được Modbus dành riêng (dùng được 1 đến 247): chỉ đúng nếu tài liệu thiết bị ghi vậy",
    ),
    "unit_twice": (
        "unit {unit} of line '{line}' is already device '{device}': two devices with one unit disturb each other",
        "địa chỉ {unit} trên đường truyền '{line}' đã là thiết bị '{device}': hai thiết bị cùng địa chỉ gây nhiễu nhau",
    ),
    "cabinet_twice": ("cabinet '{name}' stands twice", "tủ '{name}' có hai lần"),
    "meter_twice": (
        "{meter} is already the meter of cabinet '{cabinet}': both would raise the same alarms",
        "{meter} đã là công tơ của tủ '{cabinet}': cả hai tủ sẽ phát cùng báo động",
    ),
    "circuit": ("circuit", "mạch"),
    "circuit_twice": (
        "circuit '{name}' stands twice ('{other}'): capitals make no difference at the gateway",
        "mạch '{name}' có hai lần ('{other}'): tại gateway không phân biệt chữ hoa, chữ thường",
    ),
    "phase_twice": ("circuit '{name}' names a phase twice", "mạch '{name}' ghi một pha hai lần"),
    "power_without_meter": (
        "circuit '{name}' needs a meter: name it under devices.meter, or give power as device/point",
        "mạch '{name}' cần có công tơ: hãy ghi ở devices.meter, hoặc ghi power dạng thiết_bị/điểm",
    ),
    "lamps_differ": (
        "{lamps} lamps, but its circuits have {total}: correct one of them, or leave lamps out",
        "{lamps} đèn, nhưng các mạch có {total}: hãy sửa một trong hai, hoặc bỏ lamps",
    ),
    "calendar_twice": (
        "schedule_file is the older name of calendar_file: keep calendar_file only",
        "schedule_file là tên cũ của calendar_file: chỉ giữ calendar_file",
    ),
    "never_switched": (
        "a cabinet of class {cabinet_class} is never switched: leave {key} out",
        "tủ thuộc loại {cabinet_class} không bao giờ bị đóng cắt: hãy bỏ {key}",
    ),
    "claimed_twice": (
        "{what} '{name}' of gateway '{gateway}' already belongs to cabinet '{cabinet}'",
        "{what} '{name}' của gateway '{gateway}' đã thuộc về tủ '{cabinet}'",
    ),
    "store_url": (
        "write http://host:port or https://host:port; the user stands in username",
        "hãy ghi http://máy:cổng hoặc https://máy:cổng; tên người dùng ghi ở username",
    ),
    "one_url": ("give either url or url_file", "chỉ ghi một trong hai: url hoặc url_file"),
    "url_password": (
        "this url carries a password: put it into a file and name that as url_file",
        "url này chứa mật khẩu: hãy đặt vào một tệp và ghi tên tệp ở url_file",
    ),
    "field_taken": (
        "'{key}' is taken in the store (q_…, gw, dev, time): choose another name",
        "'{key}' đã dùng trong kho (q_…, gw, dev, time): hãy chọn tên khác",
    ),
    "table_type": ("table {table} holds no {type}", "bảng {table} không chứa kiểu {type}"),
    "table_write": ("table {table} cannot be written", "bảng {table} không ghi được"),
    "levels_rise": ("urgent_levels must rise", "urgent_levels phải tăng dần"),
    "low_below_high": ("low must lie below high", "low phải nhỏ hơn high"),
    "address_end": ("the point runs past address 65535", "điểm vượt quá địa chỉ 65535"),
    "scale_zero": ("scale 0 makes every value 0", "scale 0 làm mọi giá trị thành 0"),
    "adjust_one_way": (
        "mounting_height_m already says how the value is reckoned: leave this out",
        "mounting_height_m đã quy định cách tính: hãy bỏ mục này",
    ),
    "adjust_depth_alone": (
        "depth_m needs mounting_height_m: how high the instrument hangs above the bottom",
        "depth_m cần có mounting_height_m: độ cao lắp thiết bị so với đáy",
    ),
    "adjust_depth": (
        "the bin is higher than the instrument hangs ({height:g} m above its bottom)",
        "thùng cao hơn chỗ lắp thiết bị ({height:g} m so với đáy)",
    ),
    "adjust_nothing": (
        "say what becomes of the value, mounting_height_m or scale and offset, or what its limits are here",
        "hãy ghi cách tính giá trị, mounting_height_m hoặc scale và offset, hoặc giới hạn của nó ở đây",
    ),
    "adjust_no_number": (
        "'{point}' is no number, nothing can be reckoned from it",
        "'{point}' không phải số, không tính được",
    ),
    "adjust_written": (
        "'{point}' is written by commands and stays as the profile has it",
        "'{point}' là điểm ghi được bằng lệnh nên giữ nguyên như hồ sơ",
    ),
    "adjust_no_distance": (
        "'{point}' is no distance in m (its unit: {unit})",
        "'{point}' không phải khoảng cách tính bằng m (đơn vị: {unit})",
    ),
    "once_interval": (
        "a point that is read once has no interval",
        "điểm chỉ đọc một lần thì không có chu kỳ",
    ),
    "quality_says_nothing": (
        "say what its codes mean: good, uncertain, bad_bits, uncertain_bits or below",
        "hãy ghi ý nghĩa các mã: good, uncertain, bad_bits, uncertain_bits hoặc below",
    ),
    "bits_form": ("write [first, last], counted from bit 0", "hãy ghi [đầu, cuối], đếm từ bit 0"),
    "bits_type": (
        "bits belong to a uint16, a uint32, or a bool in a register",
        "bits chỉ dùng với uint16, uint32 hoặc bool nằm trong thanh ghi",
    ),
    "no_bit": ("a {type} has no bit {bit}", "{type} không có bit {bit}"),
    "string_registers": (
        "a string, and nothing else, says how many registers it takes",
        "chỉ kiểu string mới ghi số thanh ghi (registers), và bắt buộc phải ghi",
    ),
    "plain_write": (
        "only plain numbers and coils can be written",
        "chỉ ghi được số thường và coil",
    ),
    "setup_point": (
        "'{point}' cannot be set up: only plain numbers in table holding and coils can",
        "không cài đặt được '{point}': chỉ được với số thường trong bảng holding và coil",
    ),
    "setup_writable": (
        "'{point}' is writable, so commands and schedules may change it: it cannot be a setting as well",
        "'{point}' ghi được bằng lệnh hoặc lịch (writable) nên không thể đồng thời là cài đặt",
    ),
    "setup_kind": (
        "want of '{point}' does not fit type {type}: true or false for a bool, a number for all others",
        "want của '{point}' không hợp kiểu {type}: bool dùng true hoặc false, kiểu khác dùng số",
    ),
    "modular": (
        "profile '{profile}' answers 0 for modules that are not fitted: list in points what this device has",
        "hồ sơ '{profile}' trả 0 cho mô-đun không lắp: hãy ghi ở points những gì thiết bị này có",
    ),
    "no_setup": (
        "profile '{profile}' has no settings that could be chosen",
        "hồ sơ '{profile}' không có cài đặt nào để chọn",
    ),
    "setup_range": (
        "want {want} lies out of the range of '{point}'",
        "want {want} nằm ngoài giới hạn của '{point}'",
    ),
    "no_companion": ("a {type} depends on no other register", "kiểu {type} không phụ thuộc thanh ghi khác"),
    "probe_form": (
        "a probe has either low and high, or begins, or contains",
        "probe có low và high, hoặc có begins, hoặc có contains",
    ),
    "not_modbus": (
        "speaks {protocol}; a profile of a Modbus device is needed",
        "dùng giao thức {protocol}; ở đây cần hồ sơ thiết bị Modbus",
    ),
    "no_point": ("there is no point '{point}'", "không có điểm '{point}'"),
    "no_profile": ("no such profile; there are: {names}", "không có kiểu thiết bị này; hiện có: {names}"),
    "braces": ("braces do not match: {error}", "ngoặc nhọn không khớp: {error}"),
    "no_fact": ("no fact '{{{place}}}'; there are: {names}", "không có thông tin '{{{place}}}'; hiện có: {names}"),
    "suppressed_by_itself": (
        "suppressed_by names the rule itself: {rule}",
        "suppressed_by ghi chính quy tắc này: {rule}",
    ),
    "account_twice": (
        "account '{account}' is user '{user}' already: the audit could not tell them apart",
        "tài khoản '{account}' đã là người dùng '{user}': nhật ký sẽ không phân biệt được",
    ),
    "one_limit": ("give either above or below", "chỉ ghi một trong hai: above hoặc below"),
    "clear_above": (
        "clear_at {clear_at:g} lies above the limit {limit:g}: no deadband",
        "clear_at {clear_at:g} lớn hơn giới hạn {limit:g}: không có vùng trễ",
    ),
    "clear_below": (
        "clear_at {clear_at:g} lies below the limit {limit:g}: no deadband",
        "clear_at {clear_at:g} nhỏ hơn giới hạn {limit:g}: không có vùng trễ",
    ),
    "rule_twice": ("rule '{rule}' stands in more than one file", "quy tắc '{rule}' có trong nhiều tệp"),
    "no_suppressor": (
        "suppressed_by names {unknown}; there are: {names}",
        "suppressed_by ghi {unknown}; hiện có: {names}",
    ),
    "suppressed_in_a_circle": (
        "suppressed_by goes in a circle, so that nobody would be told of any: {names}",
        "suppressed_by tạo thành vòng lặp, sẽ không có cảnh báo nào được gửi: {names}",
    ),
    "one_offline_rule": (
        "more than one rule of kind gateway_offline",
        "có nhiều hơn một quy tắc loại gateway_offline",
    ),
    "too_many_rules": ("{count} rules; at most {most}", "{count} quy tắc; tối đa {most}"),
}
TEXTS: Final = Texts(_LOADING | _YAML | _KEYS | _VALUES | CALENDAR | _AGREEMENT | QUALITY | LIGHTING)
