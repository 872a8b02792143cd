from dataclasses import replace

from benchmarks.enlarging import Enlargement
from benchmarks.plan import Plan

PLAN = Plan([], "ours", 5, 2, "", 0, {}, "users")


def test_size_noise_and_pairs_tell_plans_apart():
    others = [replace(PLAN, enlargement=Enlargement(2)), replace(PLAN, enlargement=Enlargement(2, 1))]
    others += [replace(PLAN, enlargement=Enlargement(1, 1)), replace(PLAN, pairs=True)]
    assert len({plan.digest for plan in (PLAN, *others)}) == 5
    assert replace(PLAN, enlargement=Enlargement(1.0, 0.0)).digest == PLAN.digest


def test_tables_name_size_and_people():
    assert PLAN.label == "ours, 5 steps + 2 a photo: "
    enlarged = replace(PLAN, enlargement=Enlargement(4, 2), data="portraits", method="none")
    assert enlarged.label == "no mask, portraits, photos x 4, noise 2"
