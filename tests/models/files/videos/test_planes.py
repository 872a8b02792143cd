"""A change asked for in RGB is the change that is shown, in whatever numbers a video holds its pictures."""

from __future__ import annotations

import av
import numpy as np
import pytest

from guise.models.files.videos.planes import Change, add
from guise.models.files.videos.turning import Turning

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv411p", "yuvj420p"]


def shown(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24").astype(int)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("matrix", [1, 5, 9])
def test_what_is_shown_changes_as_asked_there_and_nowhere_else(form: str, matrix: int) -> None:
    grey = np.full((37, 53, 3), 128, np.uint8) if form != "yuv420p" else np.full((36, 54, 3), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=form, dst_colorspace=matrix)
    frame.colorspace = matrix
    before = shown(frame)
    rows, columns = slice(5, 30), slice(7, 44)
    levels = np.zeros((25, 37, 3), np.int16)
    levels[...] = (15, -8, 11)
    add(frame, Change(rows, columns, levels))
    difference = shown(frame) - before
    assert difference[rows, columns][4:-4, 4:-4].mean((0, 1)) == pytest.approx([15, -8, 11], abs=2.2)
    difference[2:33, 2:50] = 0  # samples of chroma are shared by up to four pixels
    assert not difference.any()


@pytest.mark.parametrize("form", ["gray", "gray10le"])
def test_a_grey_video_changes_by_the_luma(form: str) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((20, 20), 100, np.uint8), format="gray").reformat(format=form)
    frame.color_range = 2
    before = shown(frame)
    add(frame, Change(slice(4, 9), slice(3, 11), np.full((5, 8, 3), 10, np.int16)))
    difference = shown(frame) - before
    assert difference[4:9, 3:11] == pytest.approx(10, abs=1) and difference.sum() == difference[4:9, 3:11].sum()


def test_black_and_white_stay_within_their_bounds() -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24").reformat(format="yuv420p")
    add(frame, Change(slice(0, 16), slice(0, 16), np.full((16, 16, 3), -20, np.int16)))
    assert np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)[:16, :16].min() == 16


def test_an_empty_change_is_none() -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24").reformat(format="yuv420p")
    before = bytes(frame.planes[0])
    add(frame, Change(slice(0, 0), slice(0, 0), np.zeros((0, 0, 3), np.int16)))
    assert bytes(frame.planes[0]) == before


@pytest.mark.parametrize("a", [-1, 0, 1])
@pytest.mark.parametrize("b", [-1, 1])
def test_a_turned_picture_is_turned_back(a: int, b: int) -> None:
    one = 65536
    for matrix in ((a * one, (a == 0) * b * one, 0, (a == 0) * one, (a != 0) * b * one, 0, 0, 0, 1 << 30),):
        turning = Turning.of(matrix)
        stored = np.arange(15).reshape(3, 5)
        upright = turning.upright(stored)
        assert np.array_equal(turning.back(upright), stored)
        rows, columns = slice(1, 3), slice(0, 2)
        part = turning.stored_part(rows, columns, *upright.shape)
        assert np.array_equal(turning.back(upright[rows, columns]), stored[part])


def test_quarter_turns_are_those_that_players_show() -> None:
    stored = np.arange(6).reshape(2, 3)
    quarter = Turning.of((0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30))  # FFmpeg's for 90 degrees to the left
    assert np.array_equal(quarter.upright(stored), np.rot90(stored))
    assert Turning.of(None) == Turning() and Turning.of((0,) * 9).matrix == (0,) * 9
