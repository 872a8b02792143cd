"""The page of a run: self-contained, escaped, and without private figures unless they were asked for."""

import json
import re
from base64 import b64decode
from dataclasses import replace

import pytest

from guise import dpaf
from guise.models.errors import InputError
from tests.dpaf import toy

FIGURES = {
    "protocol": "quick",
    "samples": 400,
    "test_images": 360,
    "classes": ["<b>cat</b>", "dog"],
    "mean": 0.8123,
    "networks": [{"network": "small CNN", "accuracy": 0.8123, "balanced": 0.75, "auc": 0.9, "by_class": [0.8, None]}],
    "membership_attack": {
        **{"members": 40, "others": 40, "area": 0.52, "margin": 0.1},
        **{"false_positives": [0, 1], "true_positives": [0, 1]},
    },
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = replace(toy.two_classes(), classes=("<b>cat</b>", "dog"))
    folder = toy.begin(
        tmp_path_factory.mktemp("runs") / "run", data, toy.privacy("moments", steps=0), reproducible=False
    )
    ledger = folder.ledger()
    ledger.charge("feature means")
    return dpaf.open_run(folder.path)


def test_the_page_needs_nothing_from_elsewhere_and_shows_no_private_figure(run):
    run.report()
    page = (run.path / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page) and "<script" not in page and "url(" not in page
    assert "default-src 'none'" in page and "<b>cat</b>" not in page
    assert "Do not publish" not in page and "Membership" not in page and "(8, 0.001)-differentially private" in page
    (plot,) = re.findall(r"data:image/png;base64,([\w+/=]+)", page)
    assert b64decode(plot)[:4] == b"\x89PNG"


def test_figures_of_an_evaluation_go_into_a_page_elsewhere(run, tmp_path):
    (tmp_path / "figures.json").write_text(json.dumps(FIGURES))
    for page in (None, run.path / "page.html"):
        with pytest.raises(InputError, match="name a page elsewhere"):
            run.report(evaluation=tmp_path / "figures.json", page=page)
    run.report(evaluation=tmp_path / "figures.json", page=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for words in (
        "Do not publish this page",
        "81.2%",
        "0.750",
        "area under the curve 0.520 ± 0.100",
        "40 training images",
    ):
        assert words in page
    assert page.count("data:image/png") == 3


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"networks": 3}'])
def test_a_file_that_is_no_evaluation_is_refused(run, tmp_path, content):
    (tmp_path / "figures.json").write_text(content)
    with pytest.raises(InputError, match="is no evaluation"):
        run.report(evaluation=tmp_path / "figures.json", page=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
