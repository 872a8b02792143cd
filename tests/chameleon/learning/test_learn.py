import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from guise.chameleon.faces import geometry
from guise.chameleon.faces.embedding import embed, similarity
from guise.chameleon.learning import paper
from guise.chameleon.learning.crops import AlignedCrops, Windows
from guise.chameleon.learning.learn import EPSILON, LearningSettings, learn_mask
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.visibility.budget import STRENGTHS

FEW = LearningSettings(steps=40, batch=3, views=2, windows=2)


@pytest.fixture(scope="module")
def mask(faces, reader):
    return learn_mask(faces, [reader.recogniser], budget=STRENGTHS["high"], settings=FEW, seed=3)


def masked(face, mask, amplitude=1.0):
    from guise.chameleon.mask.mask import Placement, add

    placement = Placement(face.face.to_template(mask.template), amplitude)
    height, width = face.pixels.shape[:2]
    return add(face.pixels, mask.patch(placement, height=height, width=width))


def test_a_learnt_mask_takes_faces_away_from_the_user_and_a_random_one_does_not(faces, mask, reader):
    recogniser = reader.recogniser
    population = recogniser.population.numpy()
    clean = embed([(p.pixels, p.face) for p in faces], recogniser)
    protected = embed([(masked(p, mask), p.face) for p in faces], recogniser)
    noise = np.random.default_rng(0).permuted(mask.values.reshape(3, -1), axis=1).reshape(mask.values.shape)
    shuffled = type(mask)(noise, mask.template, mask.epsilon)
    random = embed([(masked(p, shuffled), p.face) for p in faces], recogniser)
    mean = clean.mean(0)
    for before, after, other in zip(clean, protected, random, strict=True):
        assert similarity(after, mean, population) < 0.4
        assert similarity(other, mean, population) > 0.8
        assert similarity(before, mean, population) > 0.9


def test_the_same_seed_gives_the_same_mask_and_another_does_not(faces, reader):
    settings = LearningSettings(steps=3, batch=2, views=2, windows=1)
    masks = [
        learn_mask(faces, [reader.recogniser], budget=STRENGTHS["mid"], settings=settings, seed=seed)
        for seed in (5, 5, 6)
    ]
    assert masks[0].digest == masks[1].digest != masks[2].digest


def test_learning_reports_progress_and_stays_within_epsilon(faces, reader):
    seen = []
    settings = LearningSettings(steps=4, batch=3, views=1, windows=1, learning_rate=1.0)
    learnt = learn_mask(
        faces[:1],
        [reader.recogniser],
        budget=STRENGTHS["high"],
        settings=settings,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert abs(learnt.values).max() <= EPSILON + 1e-7


def test_the_papers_procedure_lowers_similarity_within_its_bounds(faces, reader, monkeypatch):
    monkeypatch.setattr(paper, "EPOCHS", 25)
    learnt = paper.learn_mask(faces, [reader.recogniser], seed=0)
    assert learnt.values.shape == (3, 112, 112)
    assert abs(learnt.values).max() <= 16 / 255 + 1e-7
    recogniser = reader.recogniser
    clean = embed([(p.pixels, p.face) for p in faces], recogniser)
    protected = embed([(masked(p, learnt), p.face) for p in faces], recogniser)
    assert (np.linalg.norm(protected - clean, axis=1) > 0.3).all()


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


def test_match_score_is_highest_for_the_user_and_falls_with_distance(faces, reader):
    recogniser = reader.recogniser
    clean = torch.from_numpy(embed([(p.pixels, p.face) for p in faces], recogniser))
    views = torch.stack(
        [geometry.crop(p.pixels, p.face.to_template(np.array(recogniser.record.template)), size=150) for p in faces]
    )
    targets = TargetTemplates.from_crops(recogniser, views)
    away = 2 * recogniser.population - clean
    indices = torch.arange(len(clean))
    assert targets.match_score(clean, faces) > targets.match_score((clean + recogniser.population) / 2 + 0.05, indices)
    assert targets.match_score(away, faces) < targets.match_score(clean, indices)


def test_faces_of_several_people_are_each_taken_away_from_their_own(reader):
    recogniser = reader.recogniser
    crops = torch.rand(3, 3, 150, 150, generator=torch.manual_seed(0))
    with torch.no_grad():
        embeddings = recogniser(crops)
    apart = TargetTemplates.from_crops(recogniser, crops, one_person=False)
    torch.testing.assert_close(apart.match_score(embeddings, torch.arange(3)), torch.tensor(1.0))
    assert apart.match_score(embeddings, torch.tensor([1, 2, 0])) < 0.99
