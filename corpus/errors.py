"""The base of every error that a person is meant to read, and those about articles."""


class ReexError(Exception):
    """An expected failure: the message is one sentence with the cause and the remedy."""

    exit_code = 1


class UsageError(ReexError):
    """The request itself cannot be answered as it stands."""

    exit_code = 2


class CorpusError(ReexError):
    """A source of articles cannot be used."""

    exit_code = 5


class FetchError(CorpusError):
    """One address could not be fetched; others of its source may be.

    ``reason`` is worded to follow ``where``, the address, and ``remedy`` to follow both; ``status`` is
    that of the answer, 0 without one.
    """

    def __init__(self, where: str, reason: str, remedy: str, status: int = 0) -> None:
        self.where = where if len(where) <= 200 else where[:200] + "…"
        self.reason = reason
        self.remedy = remedy
        self.status = status
        super().__init__(f"{self.where} {reason}: {remedy}.")


class Unreadable(Exception):
    """Why one file, page or line gives no article, worded to follow its name: "is not UTF-8 text"."""


class StoppedError(ReexError):
    """Somebody asked the work to end, and it ended."""


class StorageError(ReexError):
    """The data directory cannot be written or read."""

    exit_code = 7


class OutdatedError(ReexError):
    """The catalogue was made by another version of the product."""

    exit_code = 4
