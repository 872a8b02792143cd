import numpy as np
import pytest
import torch

from guise.dpaf.training.head import ClassHead, averaged_steps


def test_it_learns_under_noise_and_averages_its_later_iterates():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    features = torch.randn(400, 20, generator=random) * 0.3
    features[:, 0] += labels * 2.0 - 1
    features = torch.nn.functional.normalize(features)
    head, generator = ClassHead(20, 2), np.random.default_rng(0)
    for step in range(30):
        head.step(
            features,
            labels,
            generator,
            noise_multiplier=1.0,
            divisor=400.0,
            learning_rate=0.12,
            average=step >= 15,
        )
    assert head.counted == 15
    assert float((head.logits(features).argmax(1) == labels).float().mean()) > 0.95


def test_an_empty_batch_is_a_step_of_noise():
    head = ClassHead(5, 2)
    head.step(
        torch.zeros(0, 5),
        torch.zeros(0, dtype=torch.long),
        np.random.default_rng(0),
        noise_multiplier=1.0,
        divisor=10.0,
        learning_rate=0.1,
        average=True,
    )
    assert head.average.abs().sum() > 0


def trained(features, labels, *, noise, steps=40, rate=0.1, seed=0):
    head, generator = ClassHead(features.shape[1], 2), np.random.default_rng(seed)
    how = {"noise_multiplier": noise, "divisor": 400.0, "learning_rate": rate}
    for left in range(steps, 0, -1):
        head.step(features, labels, generator, average=left <= averaged_steps(steps), **how)
    return head, head.trust(steps, **how)


def test_trust_is_the_share_of_a_head_that_is_not_noise():
    features = torch.nn.functional.normalize(torch.randn(400, 300, generator=torch.Generator().manual_seed(0)))
    labels = (features[:, 0] > 0).long()
    nothing = features[:0], labels[:0]
    noise_only, least = trained(*nothing, noise=2.0)
    assert least < 0.15
    head, trust = trained(features, labels, noise=2.0)
    noise, both = (float(one.average.square().sum()) for one in (noise_only, head))
    assert 0.2 < trust == pytest.approx(1 - noise / both, abs=0.1)
    assert trained(features, labels, noise=1e-3)[1] > 0.99
    assert ClassHead(5, 2).trust(40, divisor=400.0, noise_multiplier=1.0, learning_rate=0.1) == 0
