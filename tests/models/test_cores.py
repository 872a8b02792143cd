import threading

import pytest
import torch

from guise.models.cores import all_cores


@pytest.fixture(params=[1, 3])
def cores(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param  # whatever has happened
    torch.set_num_threads(before)


def test_tasks_run_side_by_side_each_on_one_core_and_give_their_results_in_order(cores):
    together = threading.Barrier(cores)

    def task(number):
        together.wait(timeout=20)  # reached by as many tasks as there are cores, or not at all
        return number, torch.get_num_threads()

    with all_cores() as run:
        results = run([lambda n=number: task(n) for number in range(cores)])
    assert results == [(number, 1) for number in range(cores)]


@pytest.mark.usefixtures("cores")
def test_within_it_another_runs_its_tasks_one_after_the_other():
    with all_cores(), all_cores() as run:
        assert set(run([threading.get_ident] * 4)) == {threading.get_ident()}


@pytest.mark.usefixtures("cores")
def test_the_error_of_a_task_is_raised():
    with pytest.raises(ZeroDivisionError), all_cores() as run:
        run([lambda: 1, lambda: 1 / 0])
