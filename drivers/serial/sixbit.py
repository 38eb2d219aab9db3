"""The CRC of SDI-12, which Vaisala's ASCII protocol uses as well. Pure.

Source: SDI-12 1.4 §4.4.12 as public libraries implement it, checked against captured answers [C].
"""

from __future__ import annotations

CRC_BYTES = 3


def sixbit_crc(data: bytes) -> bytes:
    """Return the CRC-16 (polynomial A001, from 0) as three characters of six bits each."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return bytes(0x40 | crc >> shift & 0x3F for shift in (12, 6, 0))


def checked(text: bytes) -> bytes | None:
    """Return a text without the CRC at its end; None if that is wrong."""
    body, crc = text[:-CRC_BYTES], text[-CRC_BYTES:]
    return body if body and sixbit_crc(body) == crc else None
