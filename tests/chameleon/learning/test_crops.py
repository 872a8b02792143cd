from dataclasses import replace

import numpy as np
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.crops import AlignedCrops
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


def test_loose_crops_are_the_squares_of_boxes_and_masks_lie_right_on_them(faces, reader, mask):
    """The first crop stays aligned. A tilted face stays tilted, and a crop shows the mask where the photo has it."""
    record, face = reader.recogniser.record, turned(faces[0], degrees=20)

    def prepared(loose: float) -> AlignedCrops:
        random = torch.Generator().manual_seed(0)
        return AlignedCrops.prepare(
            [face], record, frame=mask.template, count=6, jitter=0.0, random=random, device=torch.device("cpu"),
            loose=loose,
        )  # fmt: skip

    aligned_crops, boxed = prepared(0.0), prepared(1.0)
    torch.testing.assert_close(boxed.clean[0, 0], aligned_crops.clean[0, 0])
    assert all(torch.equal(aligned_crops.clean[0, 0], view) for view in aligned_crops.clean[0])
    to_photo, sizes = geometry.inverse(face.face.to_template(mask.template)), []
    for clean, grid in zip(boxed.clean[0, 1:], boxed.grids[0, 1:], strict=True):
        corners = geometry.apply(to_photo, grid[[0, 0, -1], [0, -1, 0]].double().numpy())
        right, down = corners[1] - corners[0], corners[2] - corners[0]
        assert abs(right[1]) < 0.01 * right[0] and abs(down[0]) < 0.01 * down[1]  # as the photo lies
        sizes.append(float(np.sqrt(right[0] * down[1])))
        assert (cut_by(grid, face.pixels, face, mask.template) - clean).abs().mean() < 3 / 255
        on_photo = masked(face, mask)
        seen = cut_by(grid, on_photo, face, mask.template) - cut_by(grid, face.pixels, face, mask.template)
        added = geometry.sample(torch.from_numpy(mask.values)[None], grid[None])
        assert torch.corrcoef(torch.stack([seen.ravel(), added.ravel()]))[0, 1] > 0.85
    plain = (record.input_size - 1) / geometry.scale_of(face.face.to_template(np.array(record.template)))
    assert all(1 / 1.05 - 0.01 < size / plain < 1 / 0.7 + 0.01 for size in sizes) and np.ptp(sizes) > 0.1 * plain


def turned(face: FaceCrop, *, degrees: float) -> FaceCrop:
    """The face on a photo that was held askew."""
    height, width = face.pixels.shape[:2]
    centre, angle = np.array([(width - 1) / 2, (height - 1) / 2]), np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = np.column_stack([rotation, centre - rotation @ centre])
    grid = geometry.sampling_grid(torch.from_numpy(geometry.inverse(transform))[None], height=height, width=width)
    image = torch.from_numpy(face.pixels).permute(2, 0, 1)[None].double()
    pixels = geometry.sample(image, grid, padding="border")[0].permute(1, 2, 0).round().byte().numpy()
    landmarks = geometry.apply(transform, face.face.landmarks)
    return replace(face, pixels=pixels, face=replace(face.face, landmarks=landmarks))


def cut_by(grid: torch.Tensor, pixels: np.ndarray, face: FaceCrop, template: np.ndarray) -> torch.Tensor:
    """The crop whose pixels lie at `grid` in the canonical frame, straight from a photo."""
    to_photo = geometry.inverse(face.face.to_template(template))
    points = torch.from_numpy(geometry.apply(to_photo, grid.reshape(-1, 2).double().numpy())).view(1, *grid.shape)
    return geometry.sample(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255, points.float(), padding="border")[0]
