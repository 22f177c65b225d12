"""What shares a run, what does not, and that answers are the same either way."""

import threading
from concurrent.futures import wait
from types import SimpleNamespace

import numpy as np
import pytest
from grpc import StatusCode

from tfgen.serve import batching
from tfgen.serve.signature import Signature
from tfgen.serve.batching import MOST_ROWS, Runner
from tfgen.serve.manager import Handle
from tfgen.serve.metrics import Metrics
from tfgen.serve.status import ServingError, invalid
from tfgen.serve.text_protos import BatchingOptions


class Servable:
    """Doubles its input and remembers how many rows ran together."""

    name, version = "toy", 1

    def __init__(self, outputs=lambda x: x * 2):
        self.runs = []
        self.outputs = outputs

    def run(self, signature, inputs):
        self.runs.append(len(inputs["x"]))
        if (inputs["x"] < 0).any():
            raise invalid("negative")
        return {"y": self.outputs(inputs["x"])}


def signature(batchable=True):
    return Signature("double", None, batchable)


def submit(runner, servable, array, released, batchable=True):
    """The outputs to come, or why there will be none."""
    handle = Handle(servable, lambda: released.append(1))
    try:
        return runner.submit(handle, signature(batchable), {"x": np.array(array)})
    except ServingError as error:
        return error


def run_all(servable, arrays, merge=True, batchable=True, **options):
    """The outcome of each request, all made at once, and whether every handle was released."""
    released = []

    runner = Runner(BatchingOptions(num_batch_threads=1, **options), merge, Metrics())
    with runner._changed:  # so that all of them wait before the first one runs
        calls = [submit(runner, servable, array, released, batchable) for array in arrays]
    outcomes = [call if isinstance(call, ServingError) else call.exception(30) or call.result() for call in calls]
    runner.close()
    assert len(released) == len(arrays)
    return [outcome["y"].tolist() if isinstance(outcome, dict) else outcome for outcome in outcomes]


REQUESTS = [[float(i)] * (1 + i % 3) for i in range(20)]


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("sizes", [(), (2, 8)], ids=["any size", "padded"])
def test_everybody_gets_their_own_answer(merge, sizes):
    servable = Servable()
    outcomes = run_all(servable, REQUESTS, merge, max_batch_size=8, allowed_batch_sizes=sizes)
    assert outcomes == [[value * 2 for value in request] for request in REQUESTS]
    if merge:
        assert max(servable.runs) <= 8
        assert len(servable.runs) < len(REQUESTS)
        assert not sizes or set(servable.runs) <= set(sizes)
    else:
        assert servable.runs == [len(request) for request in REQUESTS]


@pytest.mark.parametrize("timeout", [0, 1000])
def test_a_request_alone_waits_no_longer_than_it_is_told(monkeypatch, timeout):
    monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: 0.0))  # no time ever passes
    servable = Servable()
    runner = Runner(BatchingOptions(max_batch_size=8, batch_timeout_micros=timeout), True, Metrics())
    outputs = submit(runner, servable, [1.0], [])
    if timeout:
        assert not wait([outputs], 0.1).done
        runner.close()
    assert outputs.result(30)["y"].tolist() == [2]
    assert servable.runs == [1]
    runner.close()


def test_requests_wait_for_others_as_long_as_they_are_told():
    servable = Servable()
    run_all(servable, REQUESTS[:4], max_batch_size=100, batch_timeout_micros=50_000)
    assert servable.runs == [sum(map(len, REQUESTS[:4]))]


@pytest.mark.parametrize("merge, most", [(True, 4), (False, MOST_ROWS)])
def test_a_request_larger_than_a_batch_is_refused_as_in_production(merge, most):
    servable = Servable()
    fits, exceeds = run_all(servable, [[1.0] * most, [1.0] * (most + 1)], merge, max_batch_size=4)
    assert fits == [2.0] * most
    assert servable.runs == [most]
    assert exceeds.code == StatusCode.INVALID_ARGUMENT
    assert exceeds.message == f"Task size {most + 1} is larger than maximum input batch size {most}"


def test_only_the_guilty_is_refused():
    outcomes = run_all(Servable(), [[0.0], [1.0], [-1.0], [2.0], [3.0]], max_batch_size=8)
    assert isinstance(outcomes.pop(2), ServingError)
    assert outcomes == [[0], [2], [4], [6]]


def test_shapes_that_differ_do_not_share_a_run():
    outcomes = run_all(Servable(), [[[1.0]], [[1.0, 2.0]], [[3.0]]], max_batch_size=8)
    assert outcomes == [[[2]], [[2, 4]], [[6]]]


@pytest.mark.parametrize("outputs", [lambda x: np.unique(x), lambda x: x.sum()], ids=["another length", "a scalar"])
def test_outputs_that_do_not_go_by_rows_are_left_whole(outputs):
    requests = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert run_all(Servable(outputs), requests, max_batch_size=8) == [outputs(np.array(r)).tolist() for r in requests]


def test_signatures_without_rows_run_alone():
    servable = Servable()
    run_all(servable, REQUESTS[:5], batchable=False)
    assert servable.runs == [len(request) for request in REQUESTS[:5]]


@pytest.mark.parametrize("merge", [True, False])
def test_what_exceeds_the_queue_is_refused_and_the_rest_answered(merge):
    outcomes = run_all(Servable(), [[float(i)] for i in range(50)], merge, max_batch_size=2, max_enqueued_batches=3)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ServingError)]
    assert {error.code for error in refused} == {StatusCode.RESOURCE_EXHAUSTED}
    assert 0 < len(refused) < 50
    assert all(outcome == [2.0 * i] for i, outcome in enumerate(outcomes) if isinstance(outcome, list))


def test_whoever_gives_up_is_not_run_for_and_lets_the_version_go():
    began, go_on, released = threading.Event(), threading.Event(), []
    servable = Servable(lambda x: (began.set(), go_on.wait(10), x * 2)[2])
    runner = Runner(BatchingOptions(num_batch_threads=1), False, Metrics())
    running, waiting, last = [submit(runner, servable, [1.0], released) for _ in range(3)]
    assert began.wait(10)
    assert not running.cancel() and waiting.cancel()
    assert len(released) == 1
    go_on.set()
    assert last.result(10)["y"].tolist() == [2]
    runner.close()
    assert len(released) == 3
    assert servable.runs == [1, 1]
