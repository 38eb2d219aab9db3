"""Write the JSON Schema files of the wire contract: `python -m contract [FOLDER]`, by default `docs/schema`."""

from __future__ import annotations

import sys
from pathlib import Path

from contract.schema import schema_files


def main(arguments: list[str]) -> int:
    """Write every schema file and remove those of messages that are no more."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.stderr.write("usage: python -m contract [FOLDER]\n")
        return 2
    folder = Path(arguments[0] if arguments else "docs/schema")
    folder.mkdir(parents=True, exist_ok=True)
    files = schema_files()
    for old in folder.glob("*.json"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
