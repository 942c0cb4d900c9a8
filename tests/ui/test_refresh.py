"""The corpus is kept up to date while the page is served, and a failure does not end that."""

import threading

import pytest

from corpus.errors import CorpusError
from rag.ingest import Report
from rag.settings import Settings
from ui import refresh


def test_it_goes_on_after_a_failure_until_it_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()
    outcomes = [CorpusError("The site is down."), Report(unchanged=3), Report(added=1)]

    def update() -> Report:
        outcome = outcomes.pop(0)
        if not outcomes:
            stop.set()
        if isinstance(outcome, CorpusError):
            raise outcome
        return outcome

    refresh.repeat(update, 0.001, stop)
    said = capsys.readouterr().err
    assert outcomes == []
    assert "not updated: The site is down." in said
    assert said.count("Articles:") == 1


def test_it_is_off_unless_it_is_set() -> None:
    assert refresh.start(Settings(refresh_minutes=0)) is None


def test_it_updates_after_the_minutes_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    updated = threading.Event()

    def update(settings: Settings) -> Report:
        updated.set()
        return Report()

    monkeypatch.setattr(refresh, "_update", update)
    stop = refresh.start(Settings(refresh_minutes=0.0001))
    assert stop is not None
    assert updated.wait(5)
    stop.set()
