"""From a private dataset to a generator, spending what the ledger's plan allows and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import torch

from guise.dpaf.accounting.ledger import Ledger
from guise.dpaf.accounting.settings import AGGREGATION, HEAD, MOMENTS, STEM, PrivacySettings
from guise.dpaf.data import ImageDataset
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.aggregation_step import Critic
from guise.dpaf.training.checkpoint import fresh_state, load_state
from guise.dpaf.training.claim import Claim
from guise.dpaf.training.fitting import Fitting, Loss, generator_step, labels_of_a_step
from guise.dpaf.training.private_phases import PrivatePhases
from guise.dpaf.training.state import TrainingState
from guise.models.errors import BudgetError, InputError, LedgerError, PrivacyError
from guise.models.watching import Progress

FITTING = "fitting the generator"
_MOST_GROWTH = 3  # of a checkpoint, once there are means and the optimisers have begun


class Trainer:
    """Trains one run to its end, from wherever its checkpoint and its ledger stand.

    Guarantees:
        * Records are touched in `PrivatePhases` only; what leaves it was charged.
        * The guarantee is the ledger's plan, whenever and however often the program is stopped, also where the folder
          is copied.

    Args:
        dataset: the private data.
        claim: what `begin_run` gave for the run.
        streams: where randomness comes from, of which each run gets its own, and which processes train this run
            together. The first one writes ledger and checkpoint, reports steps and is watched; all need the same data.
        progress: called with each step.
        watch: called with the state now and then, to draw samples; sees no record.

    Raises:
        InputError: there is no run in the folder, its checkpoint comes from other settings, or the processes' data
            differ from one another or from those that the run began with.
        BudgetError: the plan costs more than its budget.
        LedgerError: ledger and checkpoint do not belong together, or the run's plan is not reserved for these data.
        OutputError: the budgets cannot be used.
        PrivacyError: noise would come from a seed, and the run does not say so.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        claim: Claim,
        *,
        streams: Streams,
        progress: Progress | None = None,
        watch: Callable[[TrainingState], None] | None = None,
    ) -> None:
        self._claim, self._folder = claim, claim.folder
        self._processes = processes = streams.processes
        # Not by digests only, as `dpaf.train` compares them before it plans: those may be set by hand.
        if processes.count > 1 and len(set(processes.everyones((dataset.digest, dataset.checksum())))) > 1:
            raise InputError("the processes have different data: give each a copy of one dataset")
        leads = processes.rank == 0
        self._progress = progress if progress and leads else lambda *_: None
        self._watch = watch if watch and leads else lambda _: None
        self.settings = processes.first(self._folder.settings)
        self._streams = streams = streams.of_run(self.settings.run)
        if streams.reproducible and not self.settings.reproducible:
            raise PrivacyError("noise from a seed is no noise: begin the run as reproducible, or leave the seed out")
        self.privacy: PrivacySettings = self.settings.privacy
        self.performance: PerformanceSettings = self.settings.performance
        self.ledger: Ledger = processes.first(self._folder.ledger)  # only the first process's is used
        self.state = fresh_state(self.settings, processes)
        saved = processes.first(lambda: self._folder.checkpoint(self.ledger))
        if saved is not None:
            load_state(self.state, saved, self._folder)
        if any(map(self._remaining, (MOMENTS, HEAD, STEM, AGGREGATION))):
            self._check_plan(dataset)
        self._private = PrivatePhases(dataset, self.settings, self.state, streams=streams, charge=self._charge)
        self._room = False

    def train(self) -> TrainingState:
        """Make all steps that are left. Stopped by KeyboardInterrupt, keep what was paid for.

        Returns:
            What was learnt: released values and post-processing, no record.

        Raises:
            BudgetError: a step would overspend; cannot happen unless the ledger is used from elsewhere.
            LedgerError: a release was paid for and lost in a crash, and the run cannot go on without it. Or another
                copy of the run has paid for the next release.
            OutputError: ledger, budgets or checkpoint cannot be written.
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
            self._private.head_step(left)
        self._private.forget()
        for _ in self._left(STEM, self.privacy.stem_steps):
            self._private.stem_step()
        fitting = Fitting.of(self.state, self.settings)
        self._fit(fitting)
        self._correct(fitting)
        for _ in self._left(AGGREGATION, self.privacy.steps):
            self._aggregation_step(fitting)

    def _left(self, phase: str, steps: int) -> Iterator[int]:
        every = 1 if phase == AGGREGATION and self.state.students else self.performance.checkpoint_every
        while left := self._remaining(phase):
            self._progress(phase, steps - left, steps)
            yield left
            if (left - 1) % every == 0:
                self._save()
                if phase == AGGREGATION:
                    self._watch(self.state)
            self._progress(phase, steps - left + 1, steps)

    def _remaining(self, phase: str) -> int:
        return self._processes.first(lambda: self.ledger.remaining(phase))

    def _check_plan(self, dataset: ImageDataset) -> None:
        """Before anything is released: the data are those of the plan, and the plan costs what it may."""
        run = self.settings
        kinds = [(images.channels, images.size, images.classes) for images in (run, dataset)]
        if kinds[0] != kinds[1] or run.records != dataset.units:
            given, begun_with = (
                f"{count} {run.unit.plural} of {size}x{size}x{channels} in {len(classes)} classes"
                for (channels, size, classes), count in zip(kinds[::-1], (dataset.units, run.records), strict=True)
            )
            raise InputError(f"the data are {given}, and the run began with {begun_with}: resume it with those")
        self._processes.first(lambda: self._claim.check(dataset))
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
            self._claim.paid(self.ledger)
            return entry

        return self._processes.first(pay)

    def _release_means(self) -> None:
        if not self._remaining(MOMENTS):
            raise LedgerError(
                "the release of feature means was paid for and lost when the run stopped: begin a new run"
            )
        self._progress(MOMENTS, 0, 1)
        self._private.release_means()
        self._save()
        self._progress(MOMENTS, 1, 1)

    def _fit(self, fitting: Fitting) -> None:
        steps = self._fitting_steps(fitting)
        while self.state.fitted < steps:
            self._progress(FITTING, self.state.fitted, steps)
            self._fitting_step(fitting, fitting.loss)
        if steps:
            self._progress(FITTING, steps, steps)

    def _fitting_step(self, fitting: Fitting, loss: Loss) -> None:
        random = self._streams.torch("training", self.state.fitted, self._processes.rank)
        self._generator_step(random, loss, falling=self.state.fitted / self._steps(fitting))
        self.state.fitted += 1
        if self.state.fitted % (4 * self.performance.checkpoint_every) == 0:
            self._save()
            self._watch(self.state)

    def _correct(self, fitting: Fitting) -> None:
        """Fit to what students saw as well, as often as is due: also where a run was stopped in it."""
        students = self.state.students
        if students is None:
            return
        steps = self._fitting_steps(fitting) + len(students.means) * self.performance.generator_steps
        while self.state.fitted < steps:
            self._fitting_step(fitting, fitting.with_adversary(students, 1.0))

    def _aggregation_step(self, fitting: Fitting) -> None:
        entry, shared = self._private.aggregation_step()
        critic = self.state.critic
        if critic is None:
            self._save()  # such a release is a good part of the budget
            self._correct(fitting)
            return
        own_random = self._streams.torch("fakes", entry, 1 + self._processes.rank)
        # A discriminator refines what the means have settled.
        weight, falling = (1.0, 0.0) if fitting.empty else (0.1, 0.9)
        for _ in range(self.performance.generator_steps):
            if self._fooled(critic, shared):
                break  # it has nothing to teach before it has learnt more
            self._generator_step(own_random, fitting.with_adversary(critic, weight), falling=falling)

    def _fitting_steps(self, fitting: Fitting) -> int:
        return 0 if fitting.empty else self.performance.fitting_steps

    def _steps(self, fitting: Fitting) -> int:
        """Generator steps over which the learning rate falls."""
        later = self.privacy.steps * self.performance.generator_steps if self.state.students else 0
        return self._fitting_steps(fitting) + later

    def _fooled(self, critic: Critic, random: torch.Generator) -> bool:
        """Whether an adversary tells too few fakes, if that is asked; the same in all processes."""
        least = self.performance.told_before_step
        if not least or self.performance.critic != "adversarial":
            return False
        share = critic.recognised_share(self.state.generator, self.state.shares, random)
        return self._processes.everyones(share)[0] < least

    def _generator_step(self, random: torch.Generator, loss: Loss, *, falling: float) -> None:
        performance, generator, processes = self.performance, self.state.generator, self._processes
        for group in self.state.optimiser.param_groups:
            group["lr"] = performance.learning_rate * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * falling)))
        each = max(2, performance.fakes // processes.count)
        labels = labels_of_a_step(generator.classes, performance.classes_at_once, each, random)
        fakes = generator.draw(labels, random)
        generator_step(generator, self.state.optimiser, loss(fakes, labels, random), processes)
        self.state.average.update(generator)

    def _save(self) -> None:
        tensors = self.state.tensors()
        if self._processes.count > 1:
            digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in tensors.values())).digest()
            if len(set(self._processes.everyones(digest))) > 1:
                raise PrivacyError("the processes' parameters have drifted apart: run them on machines of one kind")
        self._processes.first(lambda: self._folder.save(tensors, self.ledger))
