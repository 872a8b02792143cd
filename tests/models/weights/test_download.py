from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from guise.models.errors import OfflineError, WeightsError
from guise.models.weights import download
from guise.models.weights.partial import Part
from tests.models.file_server import FileServer


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def get(server: FileServer, target: Path, **changes: Any) -> str:
    """Fetch what `server` serves, with the expectations that fit it unless `changes` says otherwise."""
    options: dict[str, Any] = {
        "name": "net",
        "sha256": sha256(server.content),
        "size": len(server.content),
        "offline": False,
        "sleep": lambda _: None,
    }
    return download.fetch(server.url, target, **(options | changes))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "weights.pt"


def leftovers(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {target.name, target.name + ".lock"}


def test_file_arrives_whole_and_alone(server: FileServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert get(server, target, progress=lambda *step: seen.append(step)) == sha256(server.content)
    assert target.read_bytes() == server.content
    assert seen[-1] == (len(server.content), len(server.content)) and seen == sorted(seen)
    assert leftovers(target) == set()


def test_unknown_hash_is_returned(server: FileServer, target: Path) -> None:
    assert get(server, target, sha256=None, size=None) == sha256(server.content)


def test_file_that_is_there_is_not_fetched_again(server: FileServer, target: Path) -> None:
    get(server, target)
    get(server, target)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["500", "503", "429"])
def test_passing_server_error_is_tried_again_with_growing_pauses(server: FileServer, target: Path, code: str) -> None:
    server.faults = [code] * 3
    pauses: list[float] = []
    get(server, target, sleep=pauses.append)
    assert target.read_bytes() == server.content
    assert len(pauses) == 3 and pauses == sorted(set(pauses))


def test_lasting_server_error_ends_in_one_line(server: FileServer, target: Path) -> None:
    server.faults = ["500"] * 9
    with pytest.raises(OfflineError, match=r"net \(1\.0 MB\).*500.*guise models fetch net") as caught:
        get(server, target)
    assert len(server.requests) == 4 and "\n" not in str(caught.value) and not target.exists()


def test_missing_file_is_not_tried_again(server: FileServer, target: Path) -> None:
    server.faults = ["404"] * 9
    with pytest.raises(WeightsError, match="404"):
        get(server, target)
    assert len(server.requests) == 1


def test_truncated_transfer_is_resumed(server: FileServer, target: Path) -> None:
    server.faults = ["truncate", "truncate"]
    get(server, target)
    assert target.read_bytes() == server.content
    half = len(server.content) // 2
    assert [request.get("Range") for request in server.requests] == [
        None,
        f"bytes={half}-",
        f"bytes={half + half // 2}-",
    ]


def test_later_run_resumes_what_an_earlier_one_left(server: FileServer, target: Path) -> None:
    server.faults = ["truncate", "500", "500", "500"]
    with pytest.raises(OfflineError):
        get(server, target)
    assert leftovers(target) == {"weights.pt.part", "weights.pt.part.json"}
    get(server, target)
    assert server.requests[-1]["Range"] == f"bytes={len(server.content) // 2}-"
    assert target.read_bytes() == server.content and leftovers(target) == set()


def test_server_that_ignores_ranges_starts_over(server: FileServer, target: Path) -> None:
    server.faults, server.ranges = ["truncate"], False
    get(server, target)
    assert target.read_bytes() == server.content and len(server.requests) == 2


def test_file_that_changed_meanwhile_starts_over(server: FileServer, target: Path) -> None:
    server.faults = ["truncate", "500", "500", "500"]
    with pytest.raises(OfflineError):
        get(server, target)
    server.content, server.etag = server.content[::-1], '"v2"'
    get(server, target, sha256=None)
    assert target.read_bytes() == server.content


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_nothing_is_resumed_without_a_strong_etag(server: FileServer, target: Path, etag: str | None) -> None:
    server.faults, server.etag = ["truncate"], etag
    get(server, target)
    assert target.read_bytes() == server.content and "Range" not in server.requests[-1]


def test_part_of_another_url_is_not_resumed(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    Part(target).start(server.url + "/older", server.etag)
    Part(target).data.write_bytes(b"something else")
    get(server, target)
    assert "Range" not in server.requests[0] and target.read_bytes() == server.content


def test_part_longer_than_the_file_starts_over(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    Part(target).start(server.url, server.etag)
    Part(target).data.write_bytes(server.content + b"more")
    get(server, target)
    assert [request.get("Range") is None for request in server.requests] == [False, True]
    assert target.read_bytes() == server.content


def test_part_that_is_complete_is_not_fetched_again(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    Part(target).start(server.url, server.etag)
    Part(target).data.write_bytes(server.content)
    get(server, target)
    assert server.requests == [] and target.read_bytes() == server.content


def test_corrupt_file_is_refused_and_not_kept(server: FileServer, target: Path) -> None:
    server.faults = ["corrupt"]
    with pytest.raises(WeightsError, match=sha256(server.content)) as caught:
        get(server, target)
    assert len(re.findall(r"\b[0-9a-f]{64}\b", str(caught.value))) == 2
    assert not target.exists() and leftovers(target) == set()


@pytest.mark.parametrize("fault", ["", "no length"])
def test_longer_file_than_expected_is_refused(server: FileServer, target: Path, fault: str) -> None:
    server.faults = [fault]
    with pytest.raises(WeightsError, match="bytes"):
        get(server, target, sha256=None, size=len(server.content) - 1)
    assert not target.exists()


def test_short_file_without_length_is_noticed(server: FileServer, target: Path) -> None:
    server.faults, server.etag = ["no length"] * 4, None
    with pytest.raises(OfflineError, match="connection ended after"):
        get(server, target, sha256=None, size=len(server.content) + 1)


@pytest.mark.usefixtures("no_sockets")
def test_offline_opens_no_socket(target: Path) -> None:
    with pytest.raises(OfflineError, match=r"net \(111\.9 MB\).*guise models fetch net"):
        download.fetch("https://example.invalid/x", target, name="net", sha256=None, size=111_898_327, offline=True)
    assert not target.parent.exists()


def test_unreachable_server_ends_in_one_line(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = FileServer(b"1234", url=f"http://127.0.0.1:{free.getsockname()[1]}/x")
    with pytest.raises(OfflineError, match=r"cannot fetch net .*refused.*guise models fetch net") as caught:
        get(nobody, target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.invalid/x", "file:///etc/hostname", "ftp://example.invalid/x"])
@pytest.mark.usefixtures("no_sockets")
def test_only_https_is_fetched(target: Path, url: str) -> None:
    with pytest.raises(WeightsError, match="https only"):
        download.fetch(url, target, name="net", sha256=None, size=None, offline=False)


def test_redirect_away_from_https_is_refused() -> None:
    handler = download._HttpsRedirects()
    request = download.urllib.request.Request("https://example.invalid/x")
    with pytest.raises(WeightsError, match="https only"):
        handler.redirect_request(request, None, 302, "", None, "http://example.invalid/x")  # type: ignore[arg-type]


def test_full_disk_is_named_and_its_room_given_back(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"no room for weights\.pt \(1\.0 MB\).*GUISE_CACHE"):
        get(server, target)
    assert not target.exists() and leftovers(target) == set()


def test_folder_that_cannot_be_made_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match=r"cannot write weights\.pt.*GUISE_CACHE"):
        get(server, tmp_path / "file" / "weights.pt")
    assert server.requests == []


def test_two_at_once_fetch_once(server: FileServer, target: Path) -> None:
    threads = [threading.Thread(target=get, args=(server, target)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == server.content and len(server.requests) == 1
