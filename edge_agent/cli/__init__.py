"""The technician's command line; nothing heavy is imported before it is known what is asked."""

from __future__ import annotations


def main() -> None:
    """Run `edge-agent`."""
    from config.click_words import translate_click
    from config.language import process_language
    from edge_agent.cli.commands import edge_agent

    translate_click(process_language())
    edge_agent.main(prog_name="edge-agent")
