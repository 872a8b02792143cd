from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from guise.cli.models import models
from guise.models.errors import InputError, OfflineError, WeightsError
from guise.models.recognisers import frbench, registry
from guise.models.recognisers.record import Record
from guise.models.registry import LPIPS, OTHERS, records
from guise.models.weights import cache, weight_file
from guise.models.weights.release import MANIFEST
from tests.frbench_release import SMALL, backbone_of, publish, serving_folder
from tests.lpips_trunk import record_of, trunk
from tests.models.file_server import serving

CASIA = "facenet-casia-webface"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GUISE_CACHE", str(folder))
    return folder


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The CASIA recogniser with small weights that need no server: already in the cache."""
    record = dataclasses.replace(registry.get(CASIA), origin="https://example.invalid/x", bytes=4)
    monkeypatch.setitem(registry.RECORDS, CASIA, record)
    path = weight_file.locate(record)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"good")
    yield path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments)


def rows(result: Result) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_list_shows_name_source_size_licence_and_state() -> None:
    result = run("list")
    assert result.exit_code == 0 and result.stderr == ""
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert {"name", *records()} == lines.keys()
    assert all(word in lines["sface"] for word in ("OpenCV's FaceRecognizerSF", "digiKam"))
    assert all(word in lines["frbench:swinv2-t/arcface/ms1m"] for word in ("release", "about 187 MB", "not fetched"))
    assert all(word in lines["dlib-resnet"] for word in ("package", "22.5 MB", "CC0-1.0", "packaged"))
    assert all(word in lines["facenet-vggface2"] for word in ("download", "111.9 MB", "MIT", "not fetched"))
    assert all(word in lines[LPIPS] for word in ("download", "5.0 MB", "BSD-3-Clause", "not fetched"))


def test_list_without_the_package_of_frbench_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frbench, "is_installed", lambda: False)
    result = run("list")
    assert "frbench" not in result.stdout
    assert result.stderr == '45 more are FRBench\'s: `pip install "guise[frbench]"` to see and use them.\n'
    assert frbench.RECORDS.keys() < rows(run("list", "--json")).keys()


@pytest.mark.usefixtures("fetched")
def test_list_json_holds_the_whole_record() -> None:
    listed = rows(run("list", "--json"))
    assert {name: row["state"] for name, row in listed.items()} == {
        **{name: "packaged" for name, record in registry.RECORDS.items() if record.source == "embedded"},
        **dict.fromkeys(("dlib-resnet", "facenet", "sface"), "packaged"),
        **dict.fromkeys(("facenet-vggface2", LPIPS, MANIFEST.name, *frbench.RECORDS), "not fetched"),
        CASIA: "ready",
    }
    assert {name for name, row in listed.items() if row["recogniser"]} == set(registry.RECORDS)
    assert {field.name for field in dataclasses.fields(Record)} < listed[CASIA].keys()


def test_fetch_of_what_is_here_records_its_hash(fetched: Path) -> None:
    result = run("fetch", "--offline", CASIA)
    assert result.exit_code == 0 and result.stdout == ""
    assert f"{CASIA}: ready, {fetched}" in result.stderr
    assert cache.trusted(CASIA) == hashlib.sha256(b"good").hexdigest()


def test_fetch_shows_size_and_licence_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(*_: object, progress: Any, **__: object) -> str:
        progress(2, 4)
        record = registry.get(CASIA)
        weight_file.locate(record).parent.mkdir(parents=True)
        weight_file.locate(record).write_bytes(b"good")
        return hashlib.sha256(b"good").hexdigest()

    monkeypatch.setattr(weight_file, "fetch", fake)
    result = run("fetch", CASIA)
    assert result.exit_code == 0 and result.stdout == ""
    first, last = result.stderr.splitlines()
    assert first.startswith(f"{CASIA}: 115.9 MB, licence MIT, from https://")
    assert last.startswith(f"{CASIA}: ready")


def test_fetch_offline_fails_when_missing() -> None:
    result = run("fetch", "--offline", CASIA)
    assert isinstance(result.exception, OfflineError) and result.stdout == ""


@pytest.mark.usefixtures("fetched")
def test_fetch_of_several_goes_on_after_a_failure() -> None:
    result = run("fetch", "--offline", "facenet-vggface2", CASIA, "dlib-resnet")
    assert result.exit_code == 3
    assert "facenet-vggface2 (111.9 MB) is not on this machine" in result.stderr
    assert f"{CASIA}: ready" in result.stderr and "dlib-resnet: ready" in result.stderr


@pytest.mark.usefixtures("fetched")
def test_unknown_name_is_refused_before_anything_is_fetched() -> None:
    result = run("fetch", "--offline", CASIA, "casia")
    assert isinstance(result.exception, InputError) and cache.trusted(CASIA) is None


def test_fetch_without_names_is_a_usage_error() -> None:
    assert run("fetch").exit_code == 2


@pytest.mark.usefixtures("fetched")
def test_verify_checks_what_is_here() -> None:
    run("fetch", "--offline", CASIA)
    result = run("verify", "--json")
    assert result.exit_code == 0
    assert {name: row["result"] for name, row in rows(result).items()} == {
        **{name: "ok" for name, record in registry.RECORDS.items() if record.source == "embedded"},
        **dict.fromkeys(("dlib-resnet", "facenet", "sface"), "ok"),
        **dict.fromkeys(("facenet-vggface2", LPIPS, MANIFEST.name, *frbench.RECORDS), "not fetched"),
        CASIA: "ok",
    }


def test_verify_fails_when_a_file_differs(fetched: Path) -> None:
    run("fetch", "--offline", CASIA)
    fetched.write_bytes(b"evil")
    result = run("verify", CASIA, "--json")
    assert result.exit_code == 1
    row = rows(result)[CASIA]
    assert row["result"] == "differs"
    assert row["sha256"] == hashlib.sha256(b"evil").hexdigest() and row["expected"] == cache.trusted(CASIA)
    assert f"{CASIA}: sha256 is {row['sha256']}, not {row['expected']}" in result.stderr
    assert run("verify").exit_code == 1


@pytest.mark.usefixtures("fetched")
def test_verify_tells_what_it_cannot_compare() -> None:
    result = run("verify", CASIA)
    assert result.exit_code == 0 and "not recorded" in result.stdout
    assert cache.trusted(CASIA) is None


def test_verify_of_a_named_missing_file_fails() -> None:
    result = run("verify", "facenet-vggface2")
    assert result.exit_code == 1 and "not fetched" in result.stdout


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.usefixtures("no_proxy")
def test_the_trunk_of_lpips_is_fetched_once_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(trunk()) as server:
        monkeypatch.setitem(OTHERS, LPIPS, record_of(trunk(), origin=server.url))
        assert isinstance(run("fetch", "--offline", LPIPS).exception, OfflineError) and server.requests == []
        result = run("fetch", LPIPS)
        assert result.exit_code == 0, result.output
        assert f"{LPIPS}: 5.0 MB, licence BSD-3-Clause (torchvision), from {server.url}" in result.stderr
        assert run("fetch", LPIPS).exit_code == 0 and len(server.requests) == 1
    assert weight_file.locate(OTHERS[LPIPS]).read_bytes() == trunk()
    assert rows(run("verify", LPIPS, "--json"))[LPIPS]["result"] == "ok"
    weight_file.locate(OTHERS[LPIPS]).write_bytes(b"evil")
    assert run("verify", LPIPS).exit_code == 1


@pytest.mark.usefixtures("no_proxy")
def test_another_file_than_the_trunk_of_lpips_is_refused(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    with serving(trunk()[:-1] + b"x") as server:
        monkeypatch.setitem(OTHERS, LPIPS, record_of(trunk(), origin=server.url))
        result = run("fetch", LPIPS)
    assert isinstance(result.exception, WeightsError) and "is not the expected file" in str(result.exception)
    assert [file.suffix for file in (cache_folder / "weights").iterdir()] == [".lock"]


@pytest.mark.usefixtures("no_proxy")
def test_a_recogniser_of_frbench_is_listed_fetched_and_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = publish(tmp_path / "release", {SMALL: backbone_of(SMALL)})
    assert isinstance(run("fetch", "--offline", SMALL).exception, OfflineError)
    with serving_folder(folder) as (url, asked):
        monkeypatch.setenv("GUISE_FRBENCH", url)
        result = run("fetch", SMALL)
        assert result.exit_code == 0, result.output
        first, second, last = result.stderr.splitlines()
        assert first == f"frbench:manifest: size unknown, licence MIT (FRBench), from {url}/manifest.json"
        assert second.startswith(f"{SMALL}: ") and second.endswith(f"from {url}/mobilefacenet_arcface_ms1m.tar.gz")
        assert last.startswith(f"{SMALL}: ready, ")
        assert run("fetch", SMALL).exit_code == 0 and len(asked) == 2
    assert rows(run("list", "--json"))[SMALL]["state"] == "ready"
    verified = rows(run("verify", "--json"))
    assert verified[SMALL]["result"] == verified[MANIFEST.name]["result"] == "ok"
    path = weight_file.locate(registry.get(SMALL))
    path.write_bytes(b"evil")
    result = run("verify", SMALL)
    assert result.exit_code == 1 and f"guise models fetch {SMALL}" in result.stderr
    weight_file.locate(MANIFEST).write_text("{}")  # nothing can be said of the archive, and the manifest differs
    result = run("verify", "--json")
    assert result.exit_code == 1
    assert (rows(result)[SMALL]["result"], rows(result)[MANIFEST.name]["result"]) == ("not recorded", "differs")
