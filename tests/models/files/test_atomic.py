import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guise.models.errors import OutputError
from guise.models.files import atomic_write, remove_stale


def _write(path: Path, data: bytes = b"new") -> None:
    with atomic_write(path) as file:
        file.write(data)


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_writes_the_file_makes_its_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "x.bin"
    _write(target, b"one")
    _write(target, b"two")
    assert target.read_bytes() == b"two"
    assert _files(tmp_path) == ["x.bin"]


def test_nothing_is_seen_under_the_name_before_the_end(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "x") as file:
        file.write(b"half")
        assert not (tmp_path / "x").exists()
        assert len(_files(tmp_path)) == 1
    assert (tmp_path / "x").read_bytes() == b"half"


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_stopped_write_leaves_the_old_file_and_no_other(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(stop), atomic_write(tmp_path / "x") as file:
        file.write(b"half")
        raise stop
    assert (tmp_path / "x").read_bytes() == b"old"
    assert _files(tmp_path) == ["x"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "No space left on device; free some space"), (errno.EROFS, "may be written to")],
)
def test_a_refused_write_leaves_the_old_file_and_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, words: str
) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OutputError, match=words) as caught:
        _write(tmp_path / "x")
    assert str(tmp_path / "x") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert _files(tmp_path) == ["x"]


def test_a_file_where_a_folder_should_be_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        _write(tmp_path / "a" / "x")


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small tmpfs is not permitted: {mounted.stderr.decode().strip()}")
    try:
        _write(tmp_path / "small", bytes(1000))
        for size in (100_000, 10_000_000):
            with pytest.raises(OutputError, match="No space left on device"):
                _write(tmp_path / "large", bytes(size))
        assert _files(tmp_path) == ["small"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.skipif(os.name != "posix", reason="permission bits are a POSIX notion")
def test_mode_is_what_was_asked_for(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "key", mode=0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    (tmp_path / "plain").write_bytes(b"")
    _write(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "é" * 125 + ".png", "two\nlines", os.fsdecode(b"\xff\xfe")])
def test_any_name_the_system_allows_can_be_written(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system does not allow that name")
    _write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"new"


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"old")
    (tmp_path / "x").symlink_to("original")
    _write(tmp_path / "x")
    assert (tmp_path / "original").read_bytes() == b"old"
    assert not (tmp_path / "x").is_symlink()


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a\nb.png"
    script = (
        "import os, signal, sys; from pathlib import Path; from guise.models.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as file:\n"
        "    file.write(bytes(9)); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, target], check=False)
    assert killed.returncode != 0
    (left,) = target.parent.iterdir()
    kept = {"photo.jpg", ".hidden", "mine.guise-tmp", ".x.guise-tmp.png"}
    for name in kept:
        (tmp_path / name).touch()
    assert remove_stale(tmp_path) == (left,)
    assert set(_files(tmp_path)) == kept
    assert remove_stale(tmp_path / "missing") == ()


@pytest.mark.parametrize("name", ["key", "n" * 251 + ".png", "a b [c].png"])
def test_what_a_killed_run_left_of_one_file_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        patch.setattr(Path, "unlink", die)
        for target in (name, "other"):
            with pytest.raises(KeyboardInterrupt):
                _write(tmp_path / target)
    assert len(_files(tmp_path)) == 2
    assert len(remove_stale(tmp_path / name)) == 1
    (left,) = _files(tmp_path)
    assert left.startswith(".other.")
    assert remove_stale(tmp_path / "missing" / "file") == ()


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_is_written_also_where_the_locale_does_not_know_its_letters(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from guise.models.files import atomic_write\n"
        "with atomic_write(Path(os.fsdecode(os.fsencode(sys.argv[1])))) as file: file.write(b'new')"
    )
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", script, tmp_path / "é.png"], check=True, env=plain)
    assert (tmp_path / "é.png").read_bytes() == b"new"
