import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from guise.chameleon.faces import geometry
from guise.chameleon.learning.crops import AlignedCrops, Windows
from tests.chameleon.masking import masked


def test_first_crop_is_the_recognisers_own_and_masked_crops_match_masked_photos(faces, reader, mask):
    """Adding the mask on a crop's grid is what cropping the masked photo gives, up to resampling and rounding."""
    record = reader.recogniser.record
    aligned_crops = AlignedCrops.prepare(
        faces,
        record,
        frame=mask.template,
        count=2,
        jitter=0.02,
        random=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
    )
    for index, face in enumerate(faces):
        to_crop = face.face.to_template(np.array(record.template))
        clean = geometry.crop(face.pixels, to_crop, size=record.input_size)
        torch.testing.assert_close(aligned_crops.clean[index, 0], clean)
        added = clean + geometry.sample(torch.from_numpy(mask.values)[None], aligned_crops.grids[index, :1])[0]
        through_photo = geometry.crop(masked(face, mask), to_crop, size=record.input_size)
        assert (added.clamp(0, 1) - through_photo).abs().mean() < 1.5 / 255
        assert torch.corrcoef(torch.stack([(through_photo - clean).ravel(), (added - clean).ravel()]))[0, 1] > 0.85
    assert (aligned_crops.clean[:, 0] - aligned_crops.clean[:, 1]).abs().max() > 0.01


def test_windows_are_pieces_of_the_faces_at_full_size(faces):
    windows = Windows(faces, device=torch.device("cpu"))
    pieces, grids = windows.draw(torch.arange(3), torch.Generator().manual_seed(0))
    assert pieces.shape[0] == 3 and grids.shape == (3, pieces.shape[2], pieces.shape[3], 2)
    for piece, face in zip(pieces, faces, strict=True):
        levels = (piece * 255).round().byte().permute(1, 2, 0).numpy()
        side = levels.shape[0]
        box = face.pixels[face.face.box_in(*face.pixels.shape[:2])]
        short = [max(0, side - length) for length in box.shape[:2]]
        padded = np.pad(box, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge")
        best = max(
            structural_similarity(padded[y : y + side, x : x + side], levels, channel_axis=2)
            for y in range(padded.shape[0] - side + 1)
            for x in range(padded.shape[1] - side + 1)
            if (padded[y, x] == levels[0, 0]).all()
        )
        assert best == pytest.approx(1)
