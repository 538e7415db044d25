"""Jobs: kept when done, never done twice, failures told at the end, in this process and in others."""

from __future__ import annotations

import os
import time

import pytest

from jitgym.errors import InputError
from jitgym.jobs import Failure, Job, Processes, Serial, Store, do


def square(task, report):
    report("squares", None, f"{task}")
    if task < 0:
        raise InputError(f"task must be >= 0, got {task}")
    if task == 13:
        raise ZeroDivisionError("thirteen")
    return {"square": task**2, "process": os.getpid()}


def die(task, report):
    os._exit(3)


def wait_long(task, report):
    time.sleep(60)


def jobs(*tasks):
    return [Job(("scenario", "square", str(task)), square, task, f"square of {task}") for task in tasks]


@pytest.fixture(params=[Serial, lambda: Processes(2)], ids=["here", "processes"])
def by(request):
    return request.param()


def test_results_come_by_key_and_what_fails_is_told_after_the_rest(by, tmp_path):
    told = []
    results, failures = do(jobs(3, -1, 4, 13), Store(tmp_path), by, lambda *words: told.append(words))
    squares = {key[-1]: result["square"] for key, result in results.items()}
    assert squares == {"3": 9, "4": 16}
    assert {key[-1]: failure.error for key, failure in failures.items()} == {
        "-1": "task must be >= 0, got -1",
        "13": "ZeroDivisionError: thirteen",
    }
    assert "in square" in failures["scenario", "square", "13"].trace
    assert ("square of -1", 1.0, "failed: task must be >= 0, got -1") in told
    assert len(list(tmp_path.glob("*.json"))) == 2
    (trace,) = tmp_path.glob("*.error")
    assert "in square" in trace.read_text()


def test_what_is_done_is_not_done_again(tmp_path):
    store = Store(tmp_path)
    do(jobs(3), store, Serial(), lambda *words: None)
    told = []
    do(jobs(3, 5), store, Serial(), lambda *words: told.append(words))
    assert [word for label, _, word in told if label == "squares"] == ["5"]
    assert ("square of 3", 1.0, "done before") in told


def test_failures_are_tried_again(tmp_path):
    for _ in range(2):
        _, failures = do(jobs(-1), Store(tmp_path), Serial(), lambda *words: None)
        assert len(failures) == 1


def test_processes_are_others_and_their_reports_arrive(tmp_path):
    told = []
    results, _ = do(jobs(1, 2, 3), Store(tmp_path), Processes(2), lambda *words: told.append(words))
    assert os.getpid() not in {result["process"] for result in results.values()}
    assert {word for label, _, word in told if label == "squares"} == {"1", "2", "3"}


def test_a_process_that_dies_is_a_failure(tmp_path):
    _, failures = do([Job(("dies",), die, None, "dies")], Store(tmp_path), Processes(1), lambda *words: None)
    assert "BrokenProcessPool" in failures["dies",].error


def test_only_the_job_that_ends_its_process_fails(tmp_path):
    dying = Job(("dies",), die, None, "dies")
    results, failures = do([dying, *jobs(1, 2, 3, -1)], Store(tmp_path), Processes(2), lambda *words: None)
    assert sorted(result["square"] for result in results.values()) == [1, 4, 9]
    assert {key[-1] for key in failures} == {"dies", "-1"}


def test_where_a_job_failed_is_forgotten_when_it_is_done(tmp_path):
    store, (job,) = Store(tmp_path), jobs(7)
    store.write_failure(job, Failure("it failed", "in square"))
    assert store.trace(job).read_text() == "in square"
    do([job], store, Serial(), lambda *words: None)
    assert not store.trace(job).exists()


def test_an_interrupted_run_keeps_what_is_done_and_waits_for_nothing(tmp_path):
    long = Job(("long",), wait_long, None, "long")

    def interrupt(label, share, word):
        if label == "square of 2" and share == 1.0:
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        do([long, *jobs(2)], Store(tmp_path), Processes(2), interrupt)
    assert time.monotonic() - begun < 30
    assert Store(tmp_path).read(jobs(2)[0])["square"] == 4


def test_a_damaged_result_counts_as_not_done(tmp_path):
    store, (job,) = Store(tmp_path), jobs(6)
    do([job], store, Serial(), lambda *words: None)
    whole = store.path(job).read_text()
    for text in (whole[: len(whole) // 2], "[]", whole.replace('"6"', '"7"')):
        store.path(job).write_text(text)
        assert store.read(job) is None


def test_keys_that_look_alike_have_files_of_their_own(tmp_path):
    keys = (("a/b", "c"), ("a", "b/c"), ("a-b", "c"), ("a b", "c"), ("x" * 200,), ("x" * 201,))
    paths = {Store(tmp_path).path(Job(key, square, 1, "")) for key in keys}
    assert len(paths) == len(keys)
