"""The command of `python -m firmware_sim.demo`."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from config.language import process_language
from firmware_sim.demo.run import run
from firmware_sim.demo.texts import TEXTS

MAX_FOLDER_BYTES: Final = 107 - len("/gw-118/control.sock")
"""Unix sockets stand in it, and their paths end at 107 bytes."""


@click.command()
@click.option("--keep", is_flag=True, help="Stay up until Ctrl-C and say what to try.")
@click.option("--lang", type=click.Choice(["en", "vi"]), default=None, help="Language of the texts.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(".demo"), help="Where files are kept."
)
def main(keep: bool, lang: str | None, folder: Path) -> None:
    """Run two simulated cabinets through agents, broker and collector to the crew's phone."""
    folder = folder.resolve()
    length = len(os.fsencode(folder))
    if length > MAX_FOLDER_BYTES:
        raise click.ClickException(TEXTS.text("long_path", folder=folder, length=length, most=MAX_FOLDER_BYTES))
    folder.mkdir(parents=True, exist_ok=True)
    owned = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise click.ClickException(TEXTS.text("in_use", folder=folder)) from None
    for old in folder.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    sys.exit(run(folder, lang or process_language(), keep=keep))
