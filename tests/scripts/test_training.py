import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from guise.models import Recogniser, load_recogniser
from guise.models.networks.students import NETWORKS, SPACE, Student
from scripts.training import __main__ as training
from scripts.training.composites import SIDE, compose, plain
from scripts.training.faces import HELD_BACK, Faces
from scripts.training.hints import Hints, hint_error, stages
from scripts.training.judging import verification
from scripts.training.lessons import answers, prepare
from scripts.training.recipes import RECIPES, confusion, distance


def some_faces(count: int, people: int) -> Faces:
    random = torch.Generator().manual_seed(0)
    small = torch.rand(count, 3, 8, 8, generator=random)
    pixels = torch.nn.functional.interpolate(small, size=(160, 160), mode="bilinear")
    return Faces((255 * pixels).byte(), torch.arange(count) % people)


@pytest.fixture(scope="module")
def teachers():
    return [load_recogniser("sface", offline=True)]


def test_people_with_many_photos_are_held_back():
    many, few = [0] * HELD_BACK, [1] * (HELD_BACK - 1)
    people = torch.tensor(many + few)
    trained_on, held_back = Faces(torch.zeros(len(people), 3, 1, 1), people).split()
    assert trained_on.people.tolist() == few and held_back.people.tolist() == many


def test_composites_are_images_that_repeat_with_the_seed():
    faces = some_faces(12, people=3)
    images, again, other = (compose(faces, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert images.shape == (12, 3, SIDE, SIDE) and images.dtype == torch.uint8
    assert torch.equal(images, again) and not torch.equal(images, other)
    assert plain(faces).shape == images.shape


def test_verification_is_perfect_where_people_are_apart_and_chance_where_they_are_not():
    people = np.arange(60) % 6
    apart = np.eye(6)[people]
    noise = np.random.default_rng(0).normal(size=(60, 32))
    assert verification(apart, people)[0] == 1
    assert 0.3 < verification(noise / np.linalg.norm(noise, axis=1, keepdims=True), people)[0] < 0.7


def test_losses_are_least_where_a_student_says_what_its_teachers_say():
    told = torch.nn.functional.normalize(torch.randn(5, 2, 8, generator=torch.manual_seed(0)), dim=2)
    assert distance(3 * told, told) == pytest.approx(0, abs=1e-6)
    assert distance(-told, told) == pytest.approx(2)
    assert confusion(3 * told, told) < 1e-2 < confusion(told.roll(1, 0), told)


def test_lessons_are_made_once_and_not_mixed_with_others(tmp_path, teachers):
    faces = some_faces(6, people=2)
    said = []
    first = prepare(faces, teachers, tmp_path, rounds=2, seed=0, progress=lambda *at: said.append(at))
    assert first.images.shape == (12, 3, SIDE, SIDE) and first.answers.shape == (12, 1, SPACE)
    assert not (first.images[:6] == first.images[6:]).all()
    expected = answers(torch.from_numpy(first.images[:2]), teachers).half().numpy()
    assert abs(first.answers[:2].astype(float) - expected).max() < 0.05
    said.clear()
    again = prepare(faces, teachers, tmp_path, rounds=2, seed=0, progress=lambda *at: said.append(at))
    assert said == [] and (again.images == first.images).all()
    with pytest.raises(ValueError, match="choose another --work"):
        prepare(faces, teachers, tmp_path, rounds=2, seed=1, progress=lambda *_: None)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_student_gives_unit_embeddings_with_a_part_for_each_teacher(network):
    student = Student(network, teachers=2).eval()
    with torch.no_grad():
        embeddings = student(torch.rand(2, 3, SIDE, SIDE))
    assert embeddings.shape == (2, 2 * SPACE)
    torch.testing.assert_close(embeddings.view(2, 2, SPACE).norm(dim=2), torch.full((2, 2), 0.5**0.5))


def test_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, teachers, monkeypatch):
    faces = some_faces(8, people=2)
    lessons = prepare(faces, teachers, tmp_path, rounds=1, seed=0, progress=lambda *_: None)
    images = plain(faces)
    exam = images, faces.people, answers(images, teachers)
    monkeypatch.setattr(training, "_BATCH", 4)
    monkeypatch.setattr(training, "_KEEP", 1)

    def trained(name, judge):
        monkeypatch.setattr(training, "judge", judge)
        recipe = replace(RECIPES["vit"], teachers=1)
        return training.train(recipe, lessons, exam, tmp_path / name, epochs=2, seed=0, device="cpu").state_dict()

    calls = []

    def stop_at_the_second(*_):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {}

    whole = trained("whole", lambda *_: {})
    with pytest.raises(KeyboardInterrupt):
        trained("stopped", stop_at_the_second)
    resumed = trained("stopped", lambda *_: {})
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


class LikeATeacher(torch.nn.Module):
    """A student's stages, each followed by a layer with the name that hints are looked for under."""

    def __init__(self, student):
        super().__init__()
        *parts, self.head = stages(student).values()
        names = ["dw_conv/relu_1/Relu", *(f"features/features/{at}/Add" for at in range(15))]
        for name, part in zip([*names, "conv2/conv2/2/Clip", "gdconv/depthwise/Conv"], parts, strict=True):
            self.add_module(f"before {name}", part)
            self.add_module(name, torch.nn.Identity())

    def forward(self, images):
        for name, part in self.named_children():
            if name != "head":
                images = part(images)
        return self.head(images)


def hints_of(student, teachers):
    for parameter in student.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.manual_seed(0)) if parameter.ndim > 1 else None
    record = replace(teachers[0].record, mean=(127.5,) * 3, std=(128.0,) * 3, color_order="RGB")
    return Hints(Recogniser(LikeATeacher(student.eval()), record).eval())


def test_hints_are_what_each_stage_gives_and_a_student_that_agrees_has_no_error(teachers):
    student = Student("mobilefacenet", teachers=1)
    hints = hints_of(student, teachers)
    inputs = torch.randn(3, 3, SIDE, SIDE, generator=torch.manual_seed(1)).clamp(-0.9, 0.9)
    with torch.no_grad():
        wanted = hints(inputs)
        torch.testing.assert_close(wanted[-1], student.backbone(inputs))
        parts = stages(student)
        for alone in (True, False):
            assert hint_error(parts, inputs, wanted, alone=alone) == pytest.approx(0, abs=1e-3)
        parts[4] = torch.nn.Sequential(parts[4], torch.nn.Dropout(1.0).train())
        by_stages, all_after = (hint_error(parts, inputs, wanted, alone=alone) for alone in (True, False))
    assert 0.1 < by_stages < all_after


def test_stages_that_are_built_otherwise_take_what_the_teachers_give_and_come_nearer(teachers):
    hints, student = hints_of(Student("mobilefacenet", teachers=1), teachers), Student("iresnet", teachers=1)
    inputs = torch.randn(2, 3, SIDE, SIDE, generator=torch.manual_seed(1))
    wanted, parts = hints(inputs), stages(student)
    joined = inputs
    for part in parts.values():
        joined = part.eval()(joined)
    torch.testing.assert_close(joined, student.eval().backbone(inputs))
    optimiser = torch.optim.Adam(student.train().parameters(), 1e-3)
    errors = []
    for _ in range(4):
        errors.append(hint_error(parts, inputs, wanted, alone=True))
        optimiser.zero_grad()
        errors[-1].backward()
        optimiser.step()
    assert all(parameter.grad.abs().sum() > 0 for parameter in student.parameters() if parameter.ndim > 1)
    assert errors[-1] < 0.9 * errors[0]


def test_a_teacher_without_those_blocks_is_refused(teachers):
    with pytest.raises(ValueError, match="does not have the blocks"):
        Hints(teachers[0])


def test_embedded_networks_are_described_by_their_json():
    from guise.models.recognisers.registry import EMBEDDED, RECORDS

    for described in EMBEDDED.glob("*.json"):
        made, record = json.loads(described.read_text()), RECORDS[f"guise-{described.stem}"]
        assert (record.sha256, record.bytes) == (made["sha256"], made["bytes"])
        assert record.made_by.startswith("python -m scripts.training") and 0.5 < record.unseen_accuracy <= 1
