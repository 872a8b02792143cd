"""Private image synthesis: synthetic images in the place of private ones, with a proven (epsilon, delta).

    from guise import dpaf

    run = dpaf.train("digits", epsilon=1, out="runs/digits", on_plan=print)
    images, labels = run.sample(1000)
    run.evaluate(test="digits")
    run.audit()
    run.report()

`on_plan` gets the plan before anything is spent. Samples cost no privacy, however many they are. `evaluate` trains
classifiers on them and tests these on real images; `audit` plays the adversary; `report` writes what to publish with
the images. `open_run` opens a run that exists; `set_budget` limits what all runs on one dataset spend together.

The pieces stand alone and work with other networks; each says what it guarantees.

To check the guarantee, read these files of `guise/dpaf`; the rest of training gets released values and fakes only:
* `mechanisms/` and `accounting/`: clipping, noise, sampling; accountants, ledger, budgets, plan;
* `training/claim.py`, `training/run_folder.py` (`begin`, `ledger`), `training/trainer.py` (`_check_plan`, `_charge`):
  nothing is released without a reserved plan and a charge on the disk;
* `training/private_phases.py`, `training/moments.py`, `training/aggregation_step.py`, `training/students.py`,
  `training/head.py`, `training/stem.py`, `training/state.py`: where records are used, and what is kept. Sums of the
  means are charged before their noise is drawn. Each loss depends on its own record only, which `PrivateStep` does not
  check here;
* `networks/features.py`, `networks/appearance.py`, `networks/scattering.py`, `networks/critic.py`,
  `networks/student.py`: no record affects another's features; norms are bounded;
* `baseline/`: a classifier that is trained on the records themselves, by the steps of `training/head.py`;
* `data/dataset.py` (`digest`, `checksum`, `at_most`) and `validate.py` (bounds of all that is given).

Importing this package prints nothing, seeds nothing and opens no connection.
"""

from guise.dpaf.accounting.accountants import (
    Phase,
    delta_pld,
    epsilon_pld,
    epsilon_prv,
    epsilon_rdp,
    joint_noise_multiplier,
    scale_for,
)
from guise.dpaf.accounting.audit_result import Audit
from guise.dpaf.accounting.budget import Account, DatasetBudgets
from guise.dpaf.accounting.ledger import Charge, Ledger
from guise.dpaf.accounting.plan import Plan
from guise.dpaf.accounting.report import PrivacyReport, privacy_report
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.audit.bound import audit_mechanism, excess_over, lower_bound
from guise.dpaf.audit.canary import CanaryGame
from guise.dpaf.baseline.classifier import Classifier
from guise.dpaf.begin import baseline, train
from guise.dpaf.data import ImageDataset, dataset_from_arrays, load
from guise.dpaf.evaluation.utility import Utility, utility
from guise.dpaf.jobs.auditing import RunAudit
from guise.dpaf.jobs.evaluation import Evaluation
from guise.dpaf.jobs.spending import Accounts, Spending, accounts, set_budget
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.dpaf.mechanisms.units import Units
from guise.dpaf.run import Run, open_run
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.synthesis.samples import Synthetic
from guise.dpaf.training.checkpoint import trained_state
from guise.dpaf.training.claim import Claim, begin_run
from guise.dpaf.training.planning import planned
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.trainer import Trainer

__all__ = [  # noqa: RUF022 (the face first, then what users of the pieces need)
    "train",
    "baseline",
    "open_run",
    "Run",
    "set_budget",
    "accounts",
    "load",
    "dataset_from_arrays",
    "PRESETS",
    # what these return
    "Accounts",
    "Classifier",
    "Evaluation",
    "ImageDataset",
    "Plan",
    "PrivacyReport",
    "RunAudit",
    "Spending",
    "Synthetic",
    "Utility",
    # settings, and a run put together by hand
    "PerformanceSettings",
    "PrivacySettings",
    "RunFolder",
    "RunSettings",
    "Claim",
    "Trainer",
    "begin_run",
    "planned",
    "synthesise",
    "trained_state",
    "utility",
    # mechanisms
    "FeatureAggregation",
    "PoissonSampler",
    "PrivateStep",
    "Streams",
    "Units",
    # accounting
    "Account",
    "Charge",
    "DatasetBudgets",
    "Ledger",
    "Phase",
    "delta_pld",
    "epsilon_pld",
    "epsilon_prv",
    "epsilon_rdp",
    "joint_noise_multiplier",
    "privacy_report",
    "scale_for",
    # audit
    "Audit",
    "CanaryGame",
    "audit_mechanism",
    "excess_over",
    "lower_bound",
]
