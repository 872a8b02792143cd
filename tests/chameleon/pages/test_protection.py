"""The page of `protect`: what it says is what was measured."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.pages import pictures
from guise.chameleon.pages.protection import ProtectedPhotos, protection_page
from guise.chameleon.pages.render import render
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.visibility.budget import STRENGTHS
from tests.chameleon.pages.conftest import face, with_results, write_pair
from tests.chameleon.pages.parsed import Element, parse


def page_of(photos: ProtectedPhotos) -> Element:
    return parse(render(protection_page(photos)))


def card(page: Element, name: str) -> Element:
    (found,) = [article for article in page.all("article") if article.all("h3")[0].text == name]
    return found


def section(page: Element, title: str) -> Element:
    (found,) = [part for part in page.all("section") if part.all("h2")[0].text == title]
    return found


def test_figures_are_those_of_the_report(photos):
    page = page_of(photos)
    tiles = [(tile.all("span")[0].text, tile.all("span")[1].text) for tile in page.all("li", class_="tile")]
    assert [figure for figure, _ in tiles] == ["2 of 4", "1 of 2", "0.95 → 0.12", "SSIM 0.953"]
    rows = section(page, "Who still links your photos").rows()
    assert ["dlib-resnet", "0.95 → 0.12", "2 → 0 of 2", "yes"] in rows
    assert ["sface", "0.88 → 0.34", "2 → 1 of 2", "no"] in rows
    rows = {row[0]: row[1:4] for row in section(page, "How visible the masks are").rows()}
    assert rows["SSIM"] == ["0.953", "0.953", "at least 0.95"]
    assert rows["FLIP"] == ["0.087", "0.087", "at most 0.09"]
    assert rows["flecks"] == ["2.3", "2.3", "at most 3"] and rows["largest fleck"][:2] == ["5.4", "5.4"]
    assert rows["LPIPS"][0] == "not measured" and "guise models fetch lpips-squeeze" in page.text
    assert ["sface", "0.88 → 0.34", "yes → yes"] in card(page, "trip/b.png").rows()


def test_the_figure_seen_first_is_the_worst_of_the_table(photos):
    alike, coloured = face(), face()
    alike = replace(alike, visibility=replace(alike.visibility, ssim=0.941, flip=0.03))
    coloured = replace(coloured, visibility=replace(coloured.visibility, ssim=0.99, flip=0.2))  # seen more, by far
    results = (
        PhotoResult("a.png", "protected", faces=(alike,)),
        PhotoResult("trip/b.png", "protected", faces=(coloured,)),
    )
    page = page_of(with_results(photos, *results))
    (tile,) = [tile for tile in page.all("li", class_="tile") if "SSIM" in tile.text]
    rows = {row[0]: row for row in section(page, "How visible the masks are").rows()}
    assert tile.all("span")[0].text == "SSIM 0.941" and rows["SSIM"][2] == "0.941"
    assert "seen at once" in tile.text


def test_lpips_is_shown_where_it_was_measured(photos):
    measured = with_results(photos, PhotoResult("a.png", "protected", faces=(face(lpips=0.0317),)))
    page = page_of(measured)
    assert "LPIPS 0.032" in card(page, "a.png").text and "guise models fetch" not in page.text


def test_photos_that_are_still_linked_come_first_and_steps_say_what_helps(photos):
    page = page_of(photos)
    assert [article.all("h3")[0].text for article in page.all("article")] == ["trip/b.png", "a.png"]
    assert "still linked by sface" in card(page, "trip/b.png").text
    assert "linked by nobody" in card(page, "a.png").text and "fitted again once" in card(page, "a.png").text
    steps = section(page, "What to do next").text
    assert "trip/b.png (by sface)" in steps and "--strength high" in steps and "guise verify" in steps
    strongest = page_of(replace(photos, budget=STRENGTHS["high"]))
    assert "--strength high" not in strongest.text
    quiet = page_of(with_results(photos, photos.results[0]))
    assert "--strength high" not in quiet.text and "still links" not in section(quiet, "What to do next").text


def test_what_failed_is_named_with_its_reason(photos):
    page = page_of(photos)
    failed = [item.text for item in section(page, "What got no copy").all("li")]
    assert failed == [
        "wall.png (no face): no face was found",
        "torn.jpg (failed): torn.jpg is cut short: save it again",
    ]
    assert page_of(with_results(photos, photos.results[3])).all("article") == []


def test_a_large_face_that_is_linked_is_told_to_be_hard(photos):
    write_pair(photos.folder, photos.out, "big.png", (900, 900))
    large = replace(face(linked=True), box=(100.0, 100.0, 700.0, 800.0))
    linked = with_results(photos, PhotoResult("big.png", "protected", faces=(large,)))
    assert "Its face is large on a screen (700 pixels)" in card(page_of(linked), "big.png").text
    assert "large on a screen" not in page_of(photos).text


def test_a_face_lost_after_protection_is_said(photos):
    lost = with_results(photos, PhotoResult("a.png", "protected", faces=(face(None),)))
    assert ["dlib-resnet", "0.95 → no face", "yes → no"] in card(page_of(lost), "a.png").rows()


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>.png",
        '"><img src=x onerror=alert(1)>.png',
        "{{ 7*7 }} & 'q' `x`.png",
        "line\nbreak.png",
    ],
)
def test_names_cannot_put_markup_into_the_page(photos, name):
    name = name.replace("/", "∕")
    write_pair(photos.folder, photos.out, name)
    hostile = with_results(
        photos,
        PhotoResult(name, "protected", faces=(face(linked=True),), notes=(f"its {name}",)),
        PhotoResult(f"no {name}", "failed", f"{name} is broken"),
    )
    html = render(protection_page(replace(hostile, measured_by=f"By {name}.")))
    page, plain = parse(html), parse(render(protection_page(photos)))
    assert len(page.all("script")) == len(plain.all("script")) == 1
    assert all(image.attributes["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert not any(name.startswith("on") for part in page.all("img") for name in part.attributes)
    assert page.all("h3")[0].text == name.replace("\n", "\\n") and "49" not in page.all("h3")[0].text


def test_pictures_show_original_and_copy_alike_large(photos):
    page = page_of(photos)
    before, after = (card(page, "a.png").all("img", class_=kind) for kind in ("original", "copy"))
    assert len(before) == len(after) == 2  # the photo and its face
    shown = []
    for image in (before[0], after[0]):
        data = base64.b64decode(image.attributes["src"].removeprefix("data:image/webp;base64,"))
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.size == (320, 240)
            shown.append(np.asarray(opened, dtype=float).mean())
    assert 15 < shown[1] - shown[0] < 25


def test_large_photos_are_reduced_and_a_page_stays_small(photos, monkeypatch):
    names = [f"{number:03}.png" for number in range(6)]
    for name in names:
        write_pair(photos.folder, photos.out, name, (1500, 400))
    many = with_results(
        photos, *(PhotoResult(name, "protected", faces=(face(linked=name == "004.png"),)) for name in names)
    )
    one = parse(render(protection_page(with_results(photos, many.results[0]))))
    (whole, *_) = one.all("img")
    assert whole.attributes["width"] == "1080"
    each = sum(len(image.attributes["src"]) for image in one.all("img"))
    monkeypatch.setattr(pictures, "MOST_BYTES", int(2.5 * each))
    page = parse(render(protection_page(many)))
    shown = [article.all("h3")[0].text for article in page.all("article") if article.all("img")]
    assert len(shown) == 2 and shown[0] == "004.png"  # the one that needs a look first
    assert "The other 4 have their figures only" in page.text
    assert len(page.all("article")) == 6
    monkeypatch.setattr(pictures, "MOST_PHOTOS", 3)
    monkeypatch.setattr(pictures, "MOST_BYTES", 2**30)
    assert len(parse(render(protection_page(many))).all("div", class_="compare")) == 3


def test_a_photo_that_is_gone_costs_its_picture_only(photos):
    (photos.folder / "a.png").unlink()
    page = page_of(photos)
    assert not card(page, "a.png").all("img") and "cannot be shown" in card(page, "a.png").text
    assert card(page, "trip/b.png").all("img")


def test_the_page_loads_nothing_and_says_that_it_is_private(photos):
    html = render(protection_page(photos))
    page = parse(html)
    assert page.all("p", class_="warning")[0].text.startswith("Private. This page shows your originals.")
    assert not page.all("link") and not page.all("iframe") and not page.all("a")
    addresses = [value for part in ("img", "script", "svg", "meta") for element in page.all(part)
                 for name, value in element.attributes.items() if name in ("src", "href", "xlink:href")]  # fmt: skip
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert "http" not in html.replace("http-equiv", "") and "url(" not in html and "@import" not in html
    (policy,) = [meta.attributes["content"] for meta in page.all("meta") if "http-equiv" in meta.attributes]
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
