from pathlib import Path

import pytest

from benchmarks import people
from guise.models.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(9):
        folder = tmp_path / f"Name_{number}"
        folder.mkdir()
        for photo in range(30 if number < 5 else 2):
            (folder / f"Name_{number}_{photo:04}.jpg").write_bytes(b"%d %d" % (number, photo))
    return tmp_path


def test_photos_to_score_are_never_learnt_from(data: Path):
    for user in people.users(data, count=5, seed=0):
        assert (len(user.learn), len(user.score)) == (people.LEARN, people.MOST_SCORED)
        assert not set(user.learn) & set(user.score)


def test_fewer_users_are_the_first_of_more_and_another_seed_chooses_others(data: Path):
    assert people.users(data, count=2, seed=0) == people.users(data, count=5, seed=0)[:2]
    assert people.users(data, count=5, seed=0) != people.users(data, count=5, seed=1)


def test_no_stranger_can_be_a_user(data: Path):
    strangers = people.strangers(data, count=4, seed=0)
    users = {photo.parent for user in people.users(data, count=5, seed=0) for photo in user.learn}
    assert len({photo.parent for photo in strangers}) == 4
    assert not users & {photo.parent for photo in strangers}


def test_copies_carry_no_name(data: Path, tmp_path: Path):
    user = people.users(data, count=1, seed=0)[0]
    user.copy_to(tmp_path / "work")
    copies = sorted((tmp_path / "work" / "score").iterdir())
    assert [copy.read_bytes() for copy in copies] == [photo.read_bytes() for photo in user.score]
    assert not any("Name" in copy.name for copy in copies) and "Name" not in user.alias


def test_asking_for_more_people_than_there_are_says_how_many_there_are(data: Path):
    with pytest.raises(InputError, match="only 5"):
        people.users(data, count=6, seed=0)
    with pytest.raises(InputError, match="only 4"):
        people.strangers(data, count=5, seed=0)
