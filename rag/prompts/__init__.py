"""The texts that the language model is given, one file each, so that a review can diff them."""

from pathlib import Path


def prompt(name: str, **values: str) -> str:
    """Fill a prompt's ``{placeholders}``; braces inside the values stay as they are."""
    return (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").strip().format(**values)


def in_force() -> str:
    """All prompts in one, by which it can be told whether any has changed."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.txt")))
