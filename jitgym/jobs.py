"""Long work in pieces: jobs with keys, done by processes or one after the other, whose results are kept as they come.

A job that is done is never done again: its result lies in a file of its own, named by its key. So what is interrupted
goes on where it was, and what fails is told at the end, after everything else.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jitgym.errors import InputError
from jitgym.files import write_text

Report = Callable[[str, "float | None", str], None]
"""Called with what is going on, the share that is done (None: unknown) and a word on how it goes."""
Work = Callable[[Any, Report], Any]
"""Does a job: called with its task and where to report; returns what JSON can hold. A function of a module."""


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        key: what it is of, e.g. (scenario hash, policy, seed); two jobs with equal keys are the same.
        work: what does it.
        task: what it is called with.
        label: what reports call it.
    """

    key: tuple[str, ...]
    work: Work
    task: Any
    label: str


def digest(key: Sequence[str]) -> str:
    """Return ten hexadecimal digits that tell a job's key from all others."""
    return hashlib.sha256("/".join(key).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Failure:
    """A job that did not end: its error in a line, and where it came from."""

    error: str
    trace: str = ""


class Executor(Protocol):
    """Does jobs somewhere: here, in processes, on a cluster."""

    def run(self, jobs: Sequence[Job], report: Report) -> Iterator[tuple[Job, Any]]:
        """Yield every job with its result or :class:`Failure`, in the order in which they end."""


class Serial:
    """Does one job after the other, in this process."""

    def run(self, jobs: Sequence[Job], report: Report) -> Iterator[tuple[Job, Any]]:
        """Yield every job with its result or failure."""
        for job in jobs:
            yield job, _done(job, report)


class Processes:
    """Does jobs in processes of this machine.

    Args:
        n: processes.
    """

    def __init__(self, n: int) -> None:
        self._n = n

    def run(self, jobs: Sequence[Job], report: Report) -> Iterator[tuple[Job, Any]]:
        """Yield every job with its result or failure; interrupted, it waits for none.

        A process that dies takes all open jobs with it. They are done again, each in a process of its own, so that only
        that one fails which ends its process.
        """
        broken = []
        for job, result in self._together(jobs, report):
            if isinstance(result, BrokenProcessPool) and len(jobs) > 1:
                broken.append(job)
            else:
                yield job, _result_of(result)
        for job in broken:
            for _, result in self._together([job], report):
                yield job, _result_of(result)

    def _together(self, jobs: Sequence[Job], report: Report) -> Iterator[tuple[Job, Any]]:
        """Yield every job with its result or failure, or with the error of the processes."""
        context = multiprocessing.get_context("spawn")  # a fork would share threads that it does not have
        told = context.SimpleQueue()  # what is put is there at once
        pool = ProcessPoolExecutor(min(self._n, len(jobs)) or 1, context, _begin, (told,))
        try:
            open_: dict[Future[Any], Job] = {pool.submit(_done_elsewhere, job): job for job in jobs}
            while open_:
                ended, _ = wait(open_, timeout=0.2, return_when=FIRST_COMPLETED)
                _pass_on(told, report)
                for future in ended:
                    job = open_.pop(future)
                    error = future.exception()
                    yield job, error or future.result()
        except BaseException:
            # what runs is not waited for; before Python 3.14 there is no other way to end it
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result_of(result: Any) -> Any:
    """Return a result, or the failure that an error is."""
    return Failure(f"{type(result).__name__}: {result}") if isinstance(result, BaseException) else result


def _pass_on(told: Any, report: Report) -> None:
    while not told.empty():
        report(*told.get())


def executor(n: int) -> Executor:
    """Return what does jobs in ``n`` processes; in this one if it is 1."""
    return Serial() if n == 1 else Processes(n)


_TOLD: Any = None


def _begin(told: Any) -> None:
    """Begin a process: reports go through a queue, and Ctrl-C is the parent's to hear."""
    global _TOLD
    _TOLD = told
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _done_elsewhere(job: Job) -> Any:
    return _done(job, lambda label, share, word: _TOLD.put((label, share, word)))


def _done(job: Job, report: Report) -> Any:
    try:
        return job.work(job.task, report)
    except InputError as error:
        return Failure(str(error))
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())


class Store:
    """Results in a folder, one JSON file for each job, complete or not there; of a job that failed, where it did.

    Args:
        folder: is made when the first result comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, job: Job) -> Path:
        """Return the file of a job: its key in readable letters, and what tells it from all others."""
        readable = re.sub(r"[^A-Za-z0-9.+-]+", "_", "-".join(job.key))[:100]
        return self.folder / f"{readable}-{digest(job.key)}.json"

    def read(self, job: Job) -> Any:
        """Return the result of a job that is done, else None; a damaged file counts as not done."""
        try:
            found = json.loads(self.path(job).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found["result"] if isinstance(found, dict) and found.get("key") == list(job.key) else None

    def write(self, job: Job, result: Any) -> None:
        """Keep the result of a job."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.path(job), json.dumps({"key": list(job.key), "result": result}) + "\n")
        self.trace(job).unlink(missing_ok=True)

    def trace(self, job: Job) -> Path:
        """Return the file that says where a job failed."""
        return self.path(job).with_suffix(".error")

    def write_failure(self, job: Job, failure: Failure) -> None:
        """Keep where a job failed, if that is known."""
        if failure.trace:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.trace(job), failure.trace)


def do(
    jobs: Sequence[Job], store: Store, by: Executor, report: Report
) -> tuple[Mapping[tuple[str, ...], Any], Mapping[tuple[str, ...], Failure]]:
    """Do what is not done yet.

    Args:
        jobs: with keys of their own.
        store: where results are kept and looked for.
        by: who does it.
        report: called as jobs go on and end.

    Returns:
        Results and failures, by key.
    """
    results: dict[tuple[str, ...], Any] = {}
    failures: dict[tuple[str, ...], Failure] = {}
    left = []
    for job in jobs:
        found = store.read(job)
        if found is None:
            left.append(job)
        else:
            results[job.key] = found
            report(job.label, 1.0, "done before")
    for job, result in by.run(left, report):
        if isinstance(result, Failure):
            store.write_failure(job, result)
            failures[job.key] = result
            report(job.label, 1.0, f"failed: {result.error.splitlines()[0]}")
        else:
            store.write(job, result)
            results[job.key] = result
            report(job.label, 1.0, "")
    return results, failures
