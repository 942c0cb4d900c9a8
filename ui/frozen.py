"""Answers as they are kept: with their evidence, so that they can be read and checked later."""

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from rag.types import Answer

_answers = TypeAdapter(Answer)


def freeze(answer: Answer) -> dict[str, Any]:
    """An answer as JSON data, without the passages that were found and not cited."""
    data: dict[str, Any] = _answers.dump_python(replace(answer, retrieved=()), mode="json")
    return data


def thaw(data: dict[str, Any]) -> Answer:
    """The answer of some JSON data that `freeze` made, of this or an earlier version."""
    return _answers.validate_python(data)
