"""The outer loop: it learns, it can be resumed at any moment, it refuses foreign checkpoints."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ml3zoo.errors import CheckpointError, InputError
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators import Estimate, Estimator, EvolutionStrategies, PersistentEvolution, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.meta.log import read_log
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import MetaTraining, TrainingConfig, identity, meta_train
from ml3zoo.meta.ranks import Ranks
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.control.ensemble import Fit
from ml3zoo.tasks.control.imagination import ImaginedReacher
from ml3zoo.tasks.control.reacher import Reacher
from ml3zoo.tasks.reaching import Reaching
from tests.command import FORKS
from tests.problems import FAMILY, ROOT


def small(**changes: object) -> MetaTraining:
    training = MetaTraining(
        training_configs=(
            TrainingConfig(FAMILY, InnerRun(SGD(), 0.05, 6)),
            TrainingConfig(FAMILY, InnerRun(SGD(0.5), 0.05, 4)),
        ),
        estimator=PersistentEvolution(2, sigma=0.1),
        iterations=12,
        tasks=4,
        lr=0.02,
        mix=2,
        warmup=2,
        average=0.5,
        validate_every=3,
        validation_tasks=4,
    )
    return replace(training, **changes)


def fresh() -> LearnedLoss:
    return find_recipe("sine-regression").fresh_loss(0)


def equal(one: LearnedLoss, other: LearnedLoss) -> bool:
    return all(torch.equal(p, other.get_parameter(name)) for name, p in one.named_parameters())


def test_meta_training_lowers_the_objective(tmp_path):
    training = small(estimator=Unrolled(clip=1.0), iterations=60, tasks=8, validation_tasks=16)
    progress = meta_train(fresh(), training, tmp_path)
    records = read_log(tmp_path)
    assert progress.best < records[0]["validation"] - 0.05
    assert [record["iteration"] for record in records] == list(range(0, 61, 3))
    assert records[-1]["stopped"] == "all iterations done"


def test_the_average_of_the_iterates_is_kept(tmp_path):
    plain, averaged = fresh(), fresh()
    start = {name: p.detach().clone() for name, p in plain.named_parameters()}
    for loss, decay in ((plain, 0.0), (averaged, 0.75)):
        meta_train(loss, small(iterations=1, average=decay, keep_best=False), tmp_path)
    for name, p in plain.named_parameters():
        expected = 0.75 * start[name] + 0.25 * p
        torch.testing.assert_close(averaged.get_parameter(name), expected)


def test_the_rate_warms_up_and_decays():
    training = small(iterations=100, warmup=9, final_lr=0.1)
    assert training.rate(0) == pytest.approx(0.1 * training.lr, rel=0.01)
    assert training.rate(9) == pytest.approx(training.lr, rel=0.03)
    assert training.rate(100) == pytest.approx(0.1 * training.lr)


@dataclass
class RandomEstimator:
    """An estimator whose gradients are noise."""

    def __call__(self, problem, phi, estimator_state, generator):
        return Estimate({name: torch.randn(p.shape, generator=generator) for name, p in phi.items()}, 0.0, 0.0, {})


def test_after_divergence_it_restarts_from_the_best(tmp_path):
    training = small(estimator=RandomEstimator(), lr=3.0, average=0.0, restart_margin=0.2, iterations=30)
    loss = fresh()
    progress = meta_train(loss, training, tmp_path)
    records = read_log(tmp_path)
    assert progress.restarts == records[-1]["restarts"] >= 2
    assert progress.best == min(record["validation"] for record in records)
    worse = [b["validation"] > a["best"] + 0.2 for a, b in itertools.pairwise(records)]
    assert sum(worse) == progress.restarts


def test_it_stops_on_a_plateau(tmp_path):
    progress = meta_train(fresh(), small(estimator=RandomEstimator(), lr=1e-9, patience=3, iterations=300), tmp_path)
    assert progress.iteration < 300
    assert read_log(tmp_path)[-1]["stopped"] == "no better in 3 validations"


def interrupting(inner: Estimator, at: int, by: signal.Signals | int | None = None) -> Estimator:
    """The same estimator, but it stops the run at its n-th call, by a signal or by an exception."""
    calls = itertools.count(1)

    class Interrupting(type(inner)):
        def __call__(self, *arguments):
            if next(calls) == at:
                if by is None:
                    raise KeyboardInterrupt
                os.kill(os.getpid(), by)
            return inner(*arguments)

    for name in ("__module__", "__qualname__"):
        setattr(Interrupting, name, getattr(type(inner), name))
    return Interrupting(**vars(inner))


@pytest.mark.parametrize("by", [None, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("at", [1, 5, 8, 16, 23])
def test_an_interrupted_run_ends_bit_identical(tmp_path, at, by):
    whole, parts = fresh(), fresh()
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    meta_train(whole, small(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt) as stopped:
        meta_train(fresh(), small(estimator=interrupting(small().estimator, at, by)), tmp_path / "parts")
    if by is not None:
        assert stopped.type is Interrupted
        with safe_open(tmp_path / "parts" / "checkpoint.safetensors", "pt") as file:
            assert json.loads(file.metadata()["header"])["iteration"] == (at + 1) // 2, "saved where it stopped"
    meta_train(parts, small(), tmp_path / "parts", resume=True)
    assert equal(whole, parts)
    logs = [[record["validation"] for record in read_log(tmp_path / run)] for run in ("whole", "parts")]
    assert logs[0] == logs[1]


def test_a_finished_run_is_not_done_again(tmp_path):
    once, again = fresh(), fresh()
    meta_train(once, small(), tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    meta_train(again, small(), tmp_path, resume=True)
    assert equal(once, again)
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_foreign_and_damaged_checkpoints_are_refused(tmp_path):
    meta_train(fresh(), small(), tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(CheckpointError, match="another recipe"):
        meta_train(fresh(), small(lr=0.5), tmp_path, resume=True)
    other = find_recipe("sine-regression-paper").fresh_loss(0)
    with pytest.raises(CheckpointError, match="another recipe"):
        meta_train(other, small(), tmp_path, resume=True)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    whole = path.read_bytes()
    save_file(load_file(path), path, metadata | {"ml3zoo": "0.0.1"})
    with pytest.raises(CheckpointError, match=r"written by ml3zoo 0\.0\.1"):
        meta_train(fresh(), small(), tmp_path, resume=True)
    path.write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        meta_train(fresh(), small(), tmp_path, resume=True)


def imagined(environment: ImaginedReacher) -> tuple[LearnedLoss, MetaTraining]:
    """A short meta-training through a model of the arm."""
    family = Reaching(environment, hidden=(4,))
    training = small(
        training_configs=(TrainingConfig(family, InnerRun(SGD(), 0.05, 2)),),
        estimator=EvolutionStrategies(pairs=2),
        iterations=2,
        mix=1,
        validate_every=1,
        validation_tasks=2,
        tasks=2,
    )
    return find_recipe("reacher").fresh_loss(0), training


def test_the_identity_changes_with_what_a_family_learned():
    environment = ImaginedReacher()
    loss, training = imagined(environment)
    before = identity(loss, training)
    assert before == identity(*imagined(ImaginedReacher()))
    with torch.no_grad():
        environment.model.bias[0, 0, 0] += 1e-6
    assert identity(loss, training) != before
    assert identity(loss, small()) == identity(loss, small())


def test_resuming_restores_what_a_family_learned(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    environment = ImaginedReacher(arm=Reacher(steps=2))
    environment.forget(torch.Generator().manual_seed(1))
    model = {name: x.clone() for name, x in environment.learned().items()}
    losses = []
    for folder in (whole, parts):
        folder.mkdir()
        loss, training = imagined(environment)
        if folder is parts:
            interrupted = replace(training, estimator=interrupting(training.estimator, 2, signal.SIGTERM))
            with pytest.raises(Interrupted):
                meta_train(loss, interrupted, folder)
            environment.forget(torch.Generator().manual_seed(2))
        meta_train(loss, training, folder, resume=True)
        losses.append(loss)
    assert all(torch.equal(x, model[name]) for name, x in environment.learned().items())
    assert equal(*losses)
    environment.fit = Fit(iterations=1)
    environment.forget(torch.Generator().manual_seed(2))
    with pytest.raises(CheckpointError, match="another recipe"):
        meta_train(loss, training, parts, resume=True)
    assert not all(torch.equal(x, model[name]) for name, x in environment.learned().items()), "left as it was"


def test_more_processes_than_tasks_are_refused(tmp_path):
    with pytest.raises(InputError, match="5 processes cannot share 4 tasks"):
        meta_train(fresh(), small(), tmp_path, ranks=Ranks(0, 5))


RUN = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.meta.test_meta_training import fresh, small
from ml3zoo.meta.outer import meta_train
from ml3zoo.meta.ranks import joined_ranks
with joined_ranks() as ranks:
    meta_train(fresh(), small(iterations=int(sys.argv[2])), Path(sys.argv[1]), resume=True, ranks=ranks)
"""


def resumed(folder: Path, iterations: int) -> None:
    """What a process that may be killed does."""
    meta_train(fresh(), small(iterations=iterations), folder, resume=True)


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_bit_identical(tmp_path):
    """At least ten times, a SIGKILL between the first checkpoint and the end."""
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()

    def started(name: str) -> BaseProcess:
        process = FORKS.Process(target=resumed, args=(tmp_path / name, 200))
        process.start()
        return process

    whole = started("whole")
    whole.join()
    assert whole.exitcode == 0
    chance, log = random.Random(0), tmp_path / "killed" / "log.jsonl"
    for _ in range(10):
        process = started("killed")
        lines = log.read_text().count("\n") if log.exists() else 0
        while process.is_alive() and (not log.exists() or log.read_text().count("\n") <= lines + 1):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run ended before it could be killed ten times"
    last = started("killed")
    last.join()
    assert last.exitcode == 0
    whole, killed = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def torchrun(folder: Path, iterations: int) -> list[str]:
    script = folder.parent / "run.py"
    script.write_text(RUN)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return [*launcher, str(script), str(folder), str(iterations)]


@pytest.mark.slow
def test_two_ranks_do_what_one_does_and_can_be_killed(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    meta_train(fresh(), small(), tmp_path / "one")
    done = subprocess.run(torchrun(tmp_path / "two", 12), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name].double(), value.double(), rtol=1e-4, atol=1e-5)

    process = subprocess.Popen(torchrun(tmp_path / "two", 4000), env=environment, stderr=subprocess.PIPE, text=True)
    (tmp_path / "two" / "log.jsonl").unlink(missing_ok=True)
    (tmp_path / "two" / "checkpoint.safetensors").unlink()
    while not (tmp_path / "two" / "checkpoint.safetensors").exists():
        time.sleep(0.05)
        assert process.poll() is None
    workers = subprocess.run(["pgrep", "-f", str(tmp_path / "two")], capture_output=True, text=True).stdout.split()
    os.kill(max(int(pid) for pid in workers), signal.SIGKILL)
    message = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert "SIGKILL" in message or "has ended" in message, message


def test_estimates_of_wild_objectives_do_not_spoil_the_loss(tmp_path):
    training = small(
        training_configs=(TrainingConfig(FAMILY, InnerRun(SGD(), 1e4, 6)),),
        estimator=EvolutionStrategies(pairs=2),
        iterations=3,
    )
    loss = fresh()
    meta_train(loss, training, tmp_path)
    assert all(p.isfinite().all() for p in loss.parameters())
    assert all(math.isfinite(record["validation"]) for record in read_log(tmp_path))
    assert read_log(tmp_path)[-1]["diverged"] == 1.0
