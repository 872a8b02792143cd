import numpy as np
import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.embedding import embed
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.targets import TargetTemplates


def test_match_score_is_highest_for_the_user_and_falls_with_distance(faces, reader):
    recogniser = reader.recogniser
    clean = torch.from_numpy(embed([(p.pixels, p.face) for p in faces], recogniser))
    crops = torch.stack(
        [geometry.crop(p.pixels, p.face.to_template(np.array(recogniser.record.template)), size=150) for p in faces]
    )
    targets = TargetTemplates.from_crops(recogniser, crops)
    away = 2 * recogniser.population - clean
    indices = torch.arange(len(clean))
    near = (clean + recogniser.population) / 2 + 0.05
    scores = [targets.match_score(rows, indices) for rows in (clean, near, away)]
    assert all(score.shape == indices.shape for score in scores)
    assert scores[0].mean() > scores[1].mean() and (scores[2] < scores[0]).all()


def test_faces_of_several_people_are_each_taken_away_from_their_own(reader):
    recogniser = reader.recogniser
    crops = torch.rand(3, 3, 150, 150, generator=torch.manual_seed(0))
    with torch.no_grad():
        embeddings = recogniser(crops)
    apart = TargetTemplates.from_crops(recogniser, crops, one_person=False)
    torch.testing.assert_close(apart.match_score(embeddings, torch.arange(3)), torch.ones(3))
    assert (apart.match_score(embeddings, torch.tensor([1, 2, 0])) < 0.99).all()


def test_a_template_is_taken_over_as_it_was_given(reader):
    crops = torch.rand(3, 3, 150, 150, generator=torch.manual_seed(0))
    targets = TargetTemplates.from_crops(reader.recogniser, crops)
    again = TargetTemplates.from_template(reader.recogniser, targets.template())
    embeddings, indices = torch.randn(4, 128, generator=torch.manual_seed(1)), torch.zeros(4, dtype=torch.long)
    torch.testing.assert_close(again.match_score(embeddings, indices), targets.match_score(embeddings, indices))
    torch.testing.assert_close(again.directions(embeddings), targets.directions(embeddings))


def test_several_people_have_no_one_template_and_a_template_needs_its_spread(reader):
    crops = torch.rand(2, 3, 150, 150, generator=torch.manual_seed(0))
    with pytest.raises(ValueError, match="unpack"):
        TargetTemplates.from_crops(reader.recogniser, crops, one_person=False).template()
    with pytest.raises(ValueError, match="spread"):
        TargetTemplates.from_template(reader.recogniser, FaceTemplate(np.ones(128, np.float32)))
