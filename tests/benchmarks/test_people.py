from pathlib import Path

import pytest

from benchmarks import people
from guise.models.errors import InputError
from guise.models.files import settings_hash


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


def test_few_photos_are_split_as_asked(data: Path):
    split = people.Split(least_photos=2, learn=1)
    users = people.users(data, count=9, seed=0, split=split)
    assert {len(user.learn) for user in users} == {1}
    assert sorted({len(user.score) for user in users}) == [1, people.MOST_SCORED]
    with pytest.raises(InputError, match="--learn-on"):
        people.Split(least_photos=2, learn=2)


def test_in_turn_each_photo_is_learnt_on_once_and_all_others_are_scored(data: Path):
    split = people.Split(least_photos=2, learn=1, most_scored=50, in_turn=True)
    users = people.users(data, count=9, seed=0, split=split)
    assert len(users) == len({user.alias for user in users}) == 5 * 30 + 4 * 2
    for photos in ({*user.learn, *user.score} for user in users):
        assert len(photos) in (2, 30) and len({photo.parent for photo in photos}) == 1
    assert len({user.learn for user in users}) == len(users)


def test_any_photo_counts_whatever_its_format(data: Path):
    (data / "Name_0" / "another.PNG").write_bytes(b"png")
    (data / "Name_0" / "notes.txt").write_bytes(b"text")
    assert max(len(photos) for photos in people.with_photos(data, least=1, seed=0)) == 31


def test_the_digest_of_the_usual_split_is_as_before_and_others_tell_who_is_learnt_on(data: Path):
    usual = people.users(data, count=2, seed=0)
    names = {user.alias: [photo.name for photo in (*user.learn, *user.score)] for user in usual}
    assert people.digest(usual) == settings_hash(names)
    one, two = (people.users(data, count=1, seed=0, split=people.Split(3, learn, 3 - learn, False)) for learn in (1, 2))
    assert [*one[0].learn, *one[0].score] == [*two[0].learn, *two[0].score]
    assert people.digest(one) != people.digest(two)


def test_photos_of_one_name_are_told_by_their_folder():
    assert people.photo_name(Path("a/Name_1/Name_1_0001.jpg")) == "Name_1_0001.jpg"
    assert people.photo_name(Path("a/person-1/1.jpg")) == "person-1/1.jpg"
