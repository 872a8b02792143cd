import pytest

from guise.models.errors import OutputError
from guise.models.files import only_one


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))


def test_a_second_holder_is_refused_until_the_first_is_done(tmp_path):
    with only_one(tmp_path / "key"):
        with pytest.raises(OutputError, match=r"another run uses .*key"), only_one(tmp_path / "key"):
            pass
        with only_one(tmp_path / "other"):
            pass
    with only_one(tmp_path / "key"):
        pass


def test_the_lock_goes_with_an_error_and_leaves_nothing_beside_the_file(tmp_path):
    with pytest.raises(ZeroDivisionError), only_one(tmp_path / "key"):
        1 / 0  # noqa: B018
    with only_one(tmp_path / "key"):
        assert [path.name for path in tmp_path.iterdir()] == ["cache"]
