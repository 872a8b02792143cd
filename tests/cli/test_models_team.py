import json

import pytest
from PIL import Image

from guise.cli.team import team
from tests.cli.command_line import call


@pytest.fixture(scope="module")
def faces(tmp_path_factory, head):
    """Two "people": the portrait's, and the same face drawn wide."""
    folder = tmp_path_factory.mktemp("faces")
    for name, width in (("a", 270), ("b", 350)):
        (folder / name).mkdir()
        for index, left in enumerate((0, 12)):
            photo = head.crop((left, 0, 270, 270)).resize((width, 270))
            photo.save(folder / name / f"{index}.png")
    return folder


def test_teams_are_ranked_with_members_negatives_and_a_plot(faces, tmp_path):
    plot = tmp_path / "teams.png"
    outcome = call(
        team, "--faces", faces, "--pool", "dlib-resnet", "--pool", "sface", "--plot", plot, "--json", "--offline"
    )
    assert outcome.code == 0, outcome
    report = json.loads(outcome.stdout)
    assert [member["name"] for member in report["members"]] == ["dlib-resnet", "sface"]
    for member in report["members"]:
        assert member["queries"] == 4 and member["negatives"] == len(member["negative_queries"])
        assert set(member["negative_queries"]) <= {"a/0.png", "a/1.png", "b/0.png", "b/1.png"}
        assert member["rank-1 accuracy"] == pytest.approx(1 - member["negatives"] / 4)
    assert set(report["default_team"]["members"]) < set(report["wide_team"]["members"])
    (only,) = report["teams"]
    assert only["members"] == ["dlib-resnet", "sface"] and 0 <= only["focal_diversity"] <= 1
    with Image.open(plot) as drawn:
        assert drawn.format == "PNG" and drawn.width > 500


def test_the_table_names_members_and_teams(faces):
    outcome = call(team, "--faces", faces, "--pool", "dlib-resnet", "--pool", "sface", "--offline")
    assert outcome.code == 0 and "dlib-resnet + sface" in outcome.stdout and "focal diversity" in outcome.stdout
    assert "The default team of `protect` is dlib-resnet + sface + " in outcome.stdout
    assert "The wide team of `protect` is dlib-resnet + sface + " in outcome.stdout
    assert "Left out, as it is not here: a hybrid, `guise models fetch frbench:" in outcome.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pool", "dlib-resnet", "--pool", "sface", "--size", "3"), "a team of 3 cannot be made of a pool of 2"),
        (("--pool", "nobody"), "no recogniser is called 'nobody'"),
    ],
)
def test_what_cannot_be_ranked_is_said_in_one_line(faces, options, words):
    outcome = call(team, "--faces", faces, *options, "--offline")
    assert outcome.code == 2 and words in outcome.stderr and outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "word"), [("plot.png", "lies inside"), ("plot.svg", "is no PNG")])
def test_a_bad_place_for_the_plot_is_found_before_the_work(faces, tmp_path, name, word):
    where = faces if name.endswith("png") else tmp_path
    outcome = call(team, "--faces", faces, "--plot", where / name, "--offline")
    assert outcome.code == 2 and word in outcome.stderr and not (where / name).exists()


def test_a_folder_without_people_in_folders_is_refused(tmp_path, head):
    head.save(tmp_path / "me.png")
    outcome = call(team, "--faces", tmp_path, "--pool", "dlib-resnet", "--pool", "sface", "--offline")
    assert outcome.code != 0 and "one folder a person" in outcome.stderr and outcome.stdout == ""
