"""Errors of the answering side; the base is `corpus.errors.ReexError`."""

from corpus.errors import ReexError


class LLMError(ReexError):
    """The language model cannot be used: missing key, unreachable server, unknown name."""

    exit_code = 3


class IndexUnusableError(ReexError):
    """There is no index that could answer, or it was built in another way."""

    exit_code = 4


class BusyError(ReexError):
    """Another process is changing the index."""

    exit_code = 6


class ModelFileError(ReexError):
    """A model file is missing, incomplete or not the published one."""

    exit_code = 8
