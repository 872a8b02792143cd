"""From records to a generator, spending what the ledger's plan allows and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.data import Records
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.dpaf.processes import ALONE, Processes
from guise.dpaf.settings import HEAD, MOMENTS, STEM, STEPS, PerformanceSettings, PrivacySettings
from guise.dpaf.training.fitting import Fitting, generator_step, labels_of_a_step
from guise.dpaf.training.moments import release_means
from guise.dpaf.training.run_folder import RunFolder, RunSettings
from guise.dpaf.training.state import TrainingState
from guise.dpaf.training.superstep import Batch, Critic
from guise.models.errors import BudgetError, InputError, LedgerError, PrivacyError
from guise.models.files import printable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, steps done and steps in all."""
FITTING = "fitting the generator"
_MOST_GROWTH = 3  # of a checkpoint, once there are means and the optimisers have begun


class Trainer:
    """Trains one run to its end, from wherever its checkpoint and its ledger stand.

    Guarantees:
        * Records are touched in `_release_means`, `_head_step`, `_stem_step` and `_super_step` only; what leaves these
          was charged.
        * The guarantee is the ledger's plan, whenever and however often the program is stopped; given
          `paid=budgets.mark` of one `DatasetBudgets`, also where the folder is copied.

    Args:
        records: the private data.
        folder: of a run that has begun.
        streams: where randomness comes from, and which processes train this run together. The first one writes ledger
            and checkpoint, tells of steps and is watched; all need the same records.
        paid: is given the ledger after each charge; what it raises keeps the release from happening.
            `DatasetBudgets.mark` finds copies of a run here; see `begin_run`.
        progress: is told of steps.
        watch: is given the averaged generator now and then, to draw samples; sees no record.

    Raises:
        InputError: there is no run in the folder, its checkpoint comes from other settings, or processes have different
            records or others than the run began with.
        BudgetError: the plan costs more than its budget.
        LedgerError: ledger and checkpoint do not belong together.
        PrivacyError: noise would come from a seed, and the run does not say so.
    """

    def __init__(
        self,
        records: Records,
        folder: RunFolder,
        *,
        streams: Streams,
        paid: Callable[[Ledger], None] | None = None,
        progress: Progress | None = None,
        watch: Callable[[TrainingState], None] | None = None,
    ) -> None:
        self._records, self._folder, self._streams = records, folder, streams
        self._processes = processes = streams.processes
        if len(set(processes.everyones(records.digest))) > 1:
            raise InputError("the processes have different data: give each a copy of one dataset")
        leads = processes.rank == 0
        self._progress = progress if progress and leads else lambda *_: None
        self._watch = watch if watch and leads else lambda _: None
        self._paid = paid or (lambda _: None)
        self.settings = processes.first(folder.settings)
        if streams.reproducible and not self.settings.reproducible:
            raise PrivacyError("noise from a seed is no noise: begin the run as reproducible, or leave the seed out")
        self.privacy: PrivacySettings = self.settings.privacy
        self.performance: PerformanceSettings = self.settings.performance
        self.ledger: Ledger = processes.first(folder.ledger)  # the first one's alone is used
        self.state = fresh_state(self.settings, processes)
        saved = processes.first(lambda: folder.checkpoint(self.ledger))
        if saved is not None:
            _load(self.state, saved, folder)
        if any(map(self._remaining, (MOMENTS, HEAD, STEM, STEPS))):
            self._check_plan()
        self._cache: torch.Tensor | None = None
        self._room = False

    def train(self) -> TrainingState:
        """Make all steps that are left; stopped by KeyboardInterrupt, keep what was paid for.

        Raises:
            BudgetError: a step would overspend; cannot happen unless the ledger is used from elsewhere.
            LedgerError: a release was paid for and lost in a crash, and the run cannot go on without it.
            OutputError: ledger or checkpoint cannot be written.
        """
        try:
            self._train()
        except KeyboardInterrupt:
            if self._processes.count == 1:  # several would have to stop at one place
                self._save()
            raise
        self._save()
        self._watch(self.state)
        return self.state

    def _train(self) -> None:
        if self.privacy.moments_noise is not None and self.state.means is None:
            self._release_means()
        for left in self._left(HEAD, self.privacy.head_steps):
            self._head_step(left)
        self._cache = None
        for _ in self._left(STEM, self.privacy.stem_steps):
            self._stem_step()
        fitting = Fitting(self.state.features, self.state.means, self.state.head, self.performance.head_weight)
        self._fit(fitting)
        for _ in self._left(STEPS, self.privacy.steps):
            self._super_step(fitting)

    def _left(self, phase: str, steps: int) -> Iterator[int]:
        while left := self._remaining(phase):
            self._progress(phase, steps - left, steps)
            yield left
            if (left - 1) % self.performance.checkpoint_every == 0:
                self._save()
                if phase == STEPS:
                    self._watch(self.state)
            self._progress(phase, steps - left + 1, steps)

    def _remaining(self, phase: str) -> int:
        return self._processes.first(lambda: self.ledger.remaining(phase))

    def _check_plan(self) -> None:
        """Before anything is released: the same kind of data, and a plan that costs what it may."""
        run, data = self.settings, self._records
        kinds = [(one.channels, one.size, one.classes) for one in (run, data)]
        if kinds[0] != kinds[1] or run.records != len(data):
            ours, theirs = (
                f"{count} images of {one.size}x{one.size}x{one.channels} in {len(one.classes)} classes"
                for one, count in ((data, len(data)), (run, run.records))
            )
            raise InputError(f"the data are {ours}, and the run began with {theirs}: resume it with those")
        cost = self._processes.first(self.privacy.cost)
        if cost > self.ledger.epsilon:
            what = f"the plan costs epsilon {cost:.4g}, the budget is {self.ledger.epsilon:g}"
            raise BudgetError(f"{what}: begin another run with more noise")

    def _charge(self, phase: str) -> int:
        def pay() -> int:
            if not self._room:  # what a full disk keeps from being saved would be paid for and lost
                self._folder.check_room(_MOST_GROWTH * sum(value.nbytes for value in self.state.tensors().values()))
                self._room = True
            entry = self.ledger.charge(phase).entry
            self._paid(self.ledger)
            return entry

        return self._processes.first(pay)

    def _release_means(self) -> None:
        assert self.privacy.moments_noise is not None
        if not self._remaining(MOMENTS):
            raise LedgerError(
                "the release of feature means was paid for and lost when the run stopped: begin a new run"
            )
        self._progress(MOMENTS, 0, 1)
        self.state.means, self.state.shares = release_means(
            self.state.features,
            self._all_features,
            classes=len(self.settings.classes),
            noise_multiplier=self.privacy.moments_noise,
            charge=lambda: self._streams.numpy("noise", self._charge(MOMENTS)),
            processes=self._processes,
        )
        self._save()
        self._progress(MOMENTS, 1, 1)

    def _all_features(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        size = self.performance.physical_batch_size
        rows = torch.arange(len(self._records))
        for part in rows[self._processes.own(rows)].split(size):
            yield self._records.scaled(part), self._features(part), self._records.labels[part]

    def _draw(self, rate: float, entry: int) -> tuple[Tensor, Tensor]:
        """One batch, the same in all processes, and whether each of its records is this process's."""
        sampler = PoissonSampler(len(self._records), rate)
        rows = torch.from_numpy(sampler.draw(self._streams.numpy("sampling", entry)))
        return rows, self._processes.own(rows)

    def _own_batch(self, phase: str, rate: float) -> tuple[int, Tensor]:
        """A batch that is paid for: its entry in the ledger, and this process's records in it."""
        entry = self._charge(phase)
        rows, own = self._draw(rate, entry)
        return entry, rows[own]

    def _head_step(self, left: int) -> None:
        assert self.state.head is not None
        entry, rows = self._own_batch(HEAD, self.privacy.head_rate)
        self.state.head.step(
            self._features(rows),
            self._records.labels[rows],
            self._streams.numpy("noise", entry),
            noise_multiplier=self.privacy.head_noise,
            divisor=self.privacy.head_rate * self.settings.records,
            learning_rate=self.performance.head_learning_rate,
            average=left <= (self.privacy.head_steps + 1) // 2,
            physical_batch_size=self.performance.physical_batch_size,
            processes=self._processes,
        )

    def _stem_step(self) -> None:
        assert self.state.stem is not None
        entry, rows = self._own_batch(STEM, self.privacy.stem_rate)
        self.state.stem.step(
            self._records.scaled(rows),
            self._records.labels[rows],
            self._streams.numpy("noise", entry),
            noise_multiplier=self.privacy.stem_noise,
            divisor=self.privacy.stem_rate * self.settings.records,
            physical_batch_size=self.performance.physical_batch_size,
            processes=self._processes,
        )

    def _fit(self, fitting: Fitting) -> None:
        steps = 0 if fitting.empty else self.performance.fitting_steps
        while self.state.fitted < steps:
            self._progress(FITTING, self.state.fitted, steps)
            random = self._streams.torch("training", self.state.fitted, self._processes.rank)
            self._generator_step(random, fitting.loss, falling=self.state.fitted / steps)
            self.state.fitted += 1
            if self.state.fitted % (4 * self.performance.checkpoint_every) == 0:
                self._save()
                self._watch(self.state)
        self._progress(FITTING, steps, steps)

    def _super_step(self, fitting: Fitting) -> None:
        critic = self.state.critic
        assert critic is not None
        entry = self._charge(STEPS)
        drawn, own = self._draw(self.privacy.sampling_rate, entry)
        buckets = torch.from_numpy(
            self._streams.numpy("buckets", entry).integers(self.privacy.buckets, size=len(drawn))
        )
        rows = drawn[own]
        batch = Batch(self._records.scaled(rows), self._records.labels[rows], buckets[own])
        noise, shared = self._streams.numpy("noise", entry), self._streams.torch("fakes", entry)
        critic.step(batch, self.state.generator, self.state.shares, noise, shared)
        own_random = self._streams.torch("fakes", entry, 1 + self._processes.rank)
        weight = 0.1 if not fitting.empty else 1.0  # the adversary refines what the means have settled

        def loss(fakes: Tensor, labels: Tensor) -> Tensor:
            against = weight * critic.generator_loss(fakes, labels)
            return against if fitting.empty else against + fitting.loss(fakes, labels)

        for _ in range(self.performance.generator_steps):
            if self._fooled(critic, shared):
                break  # it has nothing to teach before it has learnt more
            self._generator_step(own_random, loss, falling=0.0 if fitting.empty else 0.9)

    def _fooled(self, critic: Critic, random: torch.Generator) -> bool:
        """Whether an adversary tells too few fakes, if that is asked; the same in all processes."""
        least = self.performance.told_before_step
        if not least or self.performance.critic != "adversarial":
            return False
        told = critic.told(self.state.generator, self.state.shares, random)
        return self._processes.everyones(told)[0] < least

    def _generator_step(
        self, random: torch.Generator, loss: Callable[[Tensor, Tensor], Tensor], *, falling: float
    ) -> None:
        performance, generator, processes = self.performance, self.state.generator, self._processes
        for group in self.state.optimiser.param_groups:
            group["lr"] = performance.learning_rate * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * falling)))
        fakes = max(2, performance.fakes // processes.count)
        labels = labels_of_a_step(generator.classes, performance.classes_at_once, fakes, random)
        generator_step(generator, self.state.optimiser, loss(generator.draw(labels, random), labels), processes)
        self.state.average.update(generator)

    @torch.no_grad()
    def _features(self, rows: Tensor) -> Tensor:
        """Public features (B, width) of own records; computed once, kept at half precision, clipped when used."""
        processes = self._processes
        if self._cache is None:
            own = torch.arange(processes.rank, len(self._records), processes.count)
            size = self.performance.physical_batch_size
            parts = [self.state.features(self._records.scaled(part)).half() for part in own.split(size)]
            self._cache = torch.cat(parts)
        return self._cache[rows // processes.count].float()

    def _save(self) -> None:
        tensors = self.state.tensors()
        if self._processes.count > 1:
            digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in tensors.values())).digest()
            if len(set(self._processes.everyones(digest))) > 1:
                raise PrivacyError("the processes' parameters have drifted apart: run them on machines of one kind")
        self._processes.first(lambda: self._folder.save(tensors, self.ledger))


def fresh_state(settings: RunSettings, processes: Processes = ALONE) -> TrainingState:
    """The state that a run begins with."""
    return TrainingState(
        settings.channels,
        settings.size,
        len(settings.classes),
        records=settings.records,
        privacy=settings.privacy,
        performance=settings.performance,
        processes=processes,
    )


def trained_state(folder: RunFolder) -> TrainingState:
    """The state of a run's checkpoint: post-processing, needs no record.

    Raises:
        InputError: there is no run, or nothing was trained yet.
        LedgerError: the ledger was edited.
    """
    state, saved = fresh_state(folder.settings()), folder.checkpoint()
    if saved is None:
        raise InputError(f"the run in {folder.path} has no checkpoint yet: resume it")
    _load(state, saved, folder)
    return state


def _load(state: TrainingState, saved: dict[str, Tensor], folder: RunFolder) -> None:
    try:
        state.load(saved)
    except (KeyError, RuntimeError, ValueError):
        what = f"the checkpoint in {printable(folder.path)} comes from other settings than run.json has"
        raise InputError(f"{what}: put back the run.json that belongs to it") from None
