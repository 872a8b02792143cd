"""The phases of a run: the only place where training touches records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from guise.dpaf.accounting.settings import AGGREGATION, HEAD, MOMENTS, STEM
from guise.dpaf.data import ImageDataset
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.units import Units
from guise.dpaf.training.aggregation_step import Batch
from guise.dpaf.training.head import averaged_steps
from guise.dpaf.training.moments import Records, release_means
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.state import TrainingState


class PrivatePhases:
    """Makes the releases of each phase from the records and puts what was released into the training state.

    Guarantees:
        * Every draw and all noise come from the streams of an entry that `charge` has paid for before.
        * What leaves the methods was released; no record and no unnoised sum is kept in the state.

    Args:
        dataset: the private data.
        settings: of the run.
        state: that learns.
        streams: where randomness comes from, and which processes share the work.
        charge: pays for one step of a phase and gives its entry in the ledger.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        settings: RunSettings,
        state: TrainingState,
        *,
        streams: Streams,
        charge: Callable[[str], int],
    ) -> None:
        self._dataset, self._settings, self._state = dataset, settings, state
        self._streams, self._charge = streams, charge
        self._processes = streams.processes
        self._privacy, self._performance = settings.privacy, settings.performance
        self._units = Units(dataset.people, len(dataset))
        self._cache: Tensor | None = None

    def release_means(self) -> None:
        """The one release of each class's mean features."""
        assert self._privacy.moments_noise is not None
        self._state.means, self._state.shares = release_means(
            self._state.features,
            self._all_features,
            classes=len(self._settings.classes),
            noise_multiplier=self._privacy.moments_noise,
            charge=lambda: self._streams.numpy("noise", self._charge(MOMENTS)),
            processes=self._processes,
        )

    def head_step(self, left: int) -> None:
        """One private step of the class head.

        Args:
            left: steps that are left, this one included.
        """
        assert self._state.head is not None
        entry, rows = self._own_batch(HEAD, self._privacy.head_rate)
        self._state.head.step(
            self._features(rows),
            self._dataset.labels[rows],
            self._streams.numpy("noise", entry),
            noise_multiplier=self._privacy.head_noise,
            divisor=self._privacy.head_rate * self._settings.records,
            learning_rate=self._performance.head_learning_rate,
            average=left <= averaged_steps(self._privacy.head_steps),
            physical_batch_size=self._performance.physical_batch_size,
            processes=self._processes,
            weights=self._units.weights(rows),
        )

    def stem_step(self) -> None:
        """One private step of the classifier that the first layer is trained with."""
        assert self._state.stem is not None
        entry, rows = self._own_batch(STEM, self._privacy.stem_rate)
        self._state.stem.step(
            self._dataset.scaled(rows),
            self._dataset.labels[rows],
            self._streams.numpy("noise", entry),
            noise_multiplier=self._privacy.stem_noise,
            divisor=self._privacy.stem_rate * self._settings.records,
            physical_batch_size=self._performance.physical_batch_size,
            processes=self._processes,
            weights=self._units.weights(rows),
        )

    def aggregation_step(self) -> tuple[int, torch.Generator]:
        """One aggregation step: its entry, and the generator of fakes that all processes share."""
        students = self._state.students
        if students is not None:
            students.teach(self._state.average.network, self._streams.torch("students", len(students.means)))
        entry = self._charge(AGGREGATION)
        drawn, own = self._draw(self._privacy.sampling_rate, entry)
        noise, shared = self._streams.numpy("noise", entry), self._streams.torch("fakes", entry)
        if students is not None:
            parts = drawn[own].split(self._performance.physical_batch_size)
            chunks = (
                (self._dataset.scaled(part), self._dataset.labels[part], self._units.weights(part)) for part in parts
            )
            students.look(chunks, self._state.average.network, self._state.shares, noise, shared)
            return entry, shared
        assert self._state.critic is not None
        buckets = torch.from_numpy(
            self._streams.numpy("buckets", entry).integers(self._privacy.buckets, size=len(drawn))
        )
        rows = drawn[own]
        batch = Batch(self._dataset.scaled(rows), self._dataset.labels[rows], buckets[own], self._units.weights(rows))
        self._state.critic.step(batch, self._state.generator, self._state.shares, noise, shared)
        return entry, shared

    def forget(self) -> None:
        """Give back the memory of the public features, which no later phase uses."""
        self._cache = None

    def _own_batch(self, phase: str, rate: float) -> tuple[int, Tensor]:
        """A batch that is paid for: its entry in the ledger, and this process's records in it."""
        entry = self._charge(phase)
        rows, own = self._draw(rate, entry)
        return entry, rows[own]

    def _draw(self, rate: float, entry: int) -> tuple[Tensor, Tensor]:
        """One batch, the same in all processes, and whether each of its records is this process's."""
        rows = self._units.draw(rate, self._streams.numpy("sampling", entry))
        return rows, self._processes.own(rows)

    def _all_features(self) -> Iterator[Records]:
        size = self._performance.physical_batch_size
        rows = torch.arange(len(self._dataset))
        for part in rows[self._processes.own(rows)].split(size):
            weights = self._units.weights(part)
            yield self._dataset.scaled(part), self._features(part), self._dataset.labels[part], weights

    @torch.no_grad()
    def _features(self, rows: Tensor) -> Tensor:
        """Public features (B, width) of own records; computed once, kept at half precision, clipped when used."""
        processes = self._processes
        if self._cache is None:
            own = torch.arange(processes.rank, len(self._dataset), processes.count)
            size = self._performance.physical_batch_size
            parts = [self._state.features(self._dataset.scaled(part)).half() for part in own.split(size)]
            self._cache = torch.cat(parts)
        return self._cache[rows // processes.count].float()
