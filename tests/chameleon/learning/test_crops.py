import numpy as np
import torch

from guise.chameleon.faces import geometry
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
