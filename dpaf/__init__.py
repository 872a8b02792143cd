"""Private image synthesis: aggregate features under differential privacy, learn from the aggregates.

The pieces stand alone and work with anyone's networks; `Trainer` puts them together. Each says what it guarantees.
Importing this package prints nothing, seeds nothing and opens no connection.
"""

from dpaf.accounting import (
    Phase,
    delta_pld,
    epsilon_pld,
    epsilon_prv,
    epsilon_rdp,
    joint_noise_multiplier,
    scale_for,
)
from dpaf.aggregation import FeatureAggregation
from dpaf.audit import Audit, audit_mechanism, excess_over, lower_bound
from dpaf.budget import Account, DatasetBudgets, begin_run
from dpaf.canary import CanaryGame
from dpaf.data import Records, load
from dpaf.evaluation import Utility, utility
from dpaf.ledger import Charge, Ledger
from dpaf.plan import Plan, planned
from dpaf.private_step import PrivateStep
from dpaf.randomness import Streams
from dpaf.report import as_markdown, privacy_report
from dpaf.runfolder import RunFolder, RunSettings
from dpaf.sampling import PoissonSampler
from dpaf.settings import PRESETS, PerformanceSettings, PrivacySettings
from dpaf.synthesis import Synthetic, synthesise
from dpaf.trainer import Trainer, trained_state

__all__ = [
    "PRESETS",
    "Account",
    "Audit",
    "CanaryGame",
    "Charge",
    "DatasetBudgets",
    "FeatureAggregation",
    "Ledger",
    "PerformanceSettings",
    "Phase",
    "Plan",
    "PoissonSampler",
    "PrivacySettings",
    "PrivateStep",
    "Records",
    "RunFolder",
    "RunSettings",
    "Streams",
    "Synthetic",
    "Trainer",
    "Utility",
    "as_markdown",
    "audit_mechanism",
    "begin_run",
    "delta_pld",
    "epsilon_pld",
    "epsilon_prv",
    "epsilon_rdp",
    "excess_over",
    "joint_noise_multiplier",
    "load",
    "lower_bound",
    "planned",
    "privacy_report",
    "scale_for",
    "synthesise",
    "trained_state",
    "utility",
]
