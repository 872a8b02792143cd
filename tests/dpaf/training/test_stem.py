import numpy as np
import pytest
import torch

from guise.dpaf.accounting.settings import STEM
from guise.dpaf.mechanisms.norms import STEM_NORM
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.training.stem import StemTraining
from guise.dpaf.training.trainer import Trainer
from tests.dpaf import toy


def stripes(count):
    """Images of horizontal and of vertical stripes under noise, which no mean tells apart."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randn(count, 1, 28, 28, generator=random) * 0.2
    phase = torch.randint(0, 4, (count,), generator=random)
    at = torch.arange(28)
    wave = torch.sin((at[None] + phase[:, None]) * torch.pi / 2)
    across, down = wave[:, None, None, :].expand(-1, 1, 28, -1), wave[:, None, :, None].expand(-1, 1, -1, 28)
    return images + torch.where(labels.view(-1, 1, 1, 1) == 1, across, down), labels


def step(training, images, labels, noise=1.0, seed=0):
    generator = np.random.default_rng(seed)
    training.step(images, labels, generator, noise_multiplier=noise, divisor=float(max(1, len(labels))))


def test_it_learns_under_noise_what_it_will_be_used_for():
    torch.manual_seed(0)
    training = StemTraining(1, 7, 2, learning_rate=5e-3)
    before = training.stem.conv.weight.clone()
    images, labels = stripes(300)
    for seed in range(25):
        step(training, images, labels, seed=seed)
    right = training.classifier(images).argmax(1) == labels
    assert float(right.float().mean()) > 0.95
    assert not torch.equal(before, training.stem.conv.weight)
    assert not any(value.requires_grad for value in training.classifier.parameters())


@pytest.mark.parametrize("value", [0.0, 1.0, 1e10, 3e37, float("nan"), float("inf")])
def test_one_image_moves_the_gradient_of_all_layers_by_its_bound_at_most(monkeypatch, value):
    torch.manual_seed(0)
    training = StemTraining(1, 7, 2, learning_rate=1e-3)
    images, labels = stripes(5)
    extra = torch.full((1, 1, 28, 28), value)
    extra[..., ::2, :] *= -0.5
    seen = []

    def release(_self, sums, _generator):
        seen.append(torch.cat([value.flatten() for value in sums.values()]))
        return {name: torch.zeros_like(value).float() for name, value in sums.items()}

    monkeypatch.setattr(PrivateStep, "release", release)
    step(training, images, labels)
    step(training, torch.cat([images, extra]), torch.cat([labels, torch.tensor([1])]))
    assert len(seen[0]) == sum(value.numel() for value in training.classifier.parameters())  # none is left unnoised
    assert (seen[1] - seen[0]).norm() <= STEM_NORM


def test_aggregation_steps_use_the_first_layer_that_was_trained_and_leave_it_alone(tmp_path):
    data = toy.two_classes()
    folder = toy.begin(tmp_path, data, preset="pretrained", settings=toy.privacy("pretrained"))
    states = {}

    def look(what, done, total):
        if (what, done) == (STEM, total):
            states["after"] = trainer.state.stem.stem.conv.weight.clone()

    trainer = Trainer(data, toy.claim(folder), streams=Streams(unsafe_seed=1), progress=look)
    fresh = trainer.state.stem.stem.conv.weight.clone()
    state = trainer.train()
    assert state.critic.front is state.stem.stem
    assert torch.equal(states["after"], state.stem.stem.conv.weight) and not torch.equal(fresh, states["after"])
