import numpy as np
import torch

from guise.dpaf.training.head import ClassHead


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
