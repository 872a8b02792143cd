"""Private image synthesis: aggregate features under differential privacy, learn from the aggregates.

The pieces stand alone and work with anyone's networks; `Trainer` puts them together. Each says what it guarantees.
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
from guise.dpaf.accounting.budget import Account, DatasetBudgets, begin_run
from guise.dpaf.accounting.ledger import Charge, Ledger
from guise.dpaf.accounting.plan import Plan, planned
from guise.dpaf.accounting.report import as_markdown, privacy_report
from guise.dpaf.audit.bound import Audit, audit_mechanism, excess_over, lower_bound
from guise.dpaf.audit.canary import CanaryGame
from guise.dpaf.data import Records, load
from guise.dpaf.evaluation.utility import Utility, utility
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.dpaf.settings import PRESETS, PerformanceSettings, PrivacySettings
from guise.dpaf.synthesis import Synthetic, synthesise
from guise.dpaf.training.run_folder import RunFolder, RunSettings
from guise.dpaf.training.trainer import Trainer, trained_state

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
