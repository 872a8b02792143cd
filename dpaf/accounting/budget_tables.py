"""The tables of a budgets file, and what is read from them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from guise.dpaf.accounting.accountants import Phase

TABLES = """
CREATE TABLE IF NOT EXISTS secret (key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS budgets (dataset TEXT PRIMARY KEY, name TEXT, epsilon REAL NOT NULL, delta REAL NOT NULL);
CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, dataset TEXT NOT NULL, name TEXT, plan TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS units (run TEXT PRIMARY KEY, unit TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (run TEXT PRIMARY KEY, entries INTEGER NOT NULL, head TEXT NOT NULL);
"""
IMAGE = "image"
RUNS, UNIT = "runs LEFT JOIN units USING (run)", f"coalesce(units.unit, '{IMAGE}')"
"""Runs of former versions have no unit: they protect an image."""


def plan_text(plan: Sequence[Phase]) -> str:
    """A plan as the file keeps it.

    Args:
        plan: its phases.
    """
    return json.dumps([asdict(phase) for phase in plan])


def units_of(database: sqlite3.Connection, dataset: str, *, runs_only: bool = False) -> list[str]:
    """What the runs on a dataset protect.

    Args:
        database: the open file.
        dataset: what `identify` gave.
        runs_only: give nothing where there are no runs; otherwise an image.
    """
    query = f"SELECT DISTINCT {UNIT} FROM {RUNS} WHERE dataset = ? ORDER BY 1"
    found = [unit for (unit,) in database.execute(query, (dataset,))]
    return found or ([] if runs_only else [IMAGE])


def phases_of(database: sqlite3.Connection, dataset: str, unit: str) -> list[Phase]:
    """The phases of all runs on a dataset that protect one unit.

    Args:
        database: the open file.
        dataset: what `identify` gave.
        unit: as the file keeps it.
    """
    query = f"SELECT plan FROM {RUNS} WHERE dataset = ? AND {UNIT} = ? ORDER BY runs.rowid"
    plans = database.execute(query, (dataset, unit)).fetchall()
    return [Phase(**phase) for (plan,) in plans for phase in json.loads(plan)]
