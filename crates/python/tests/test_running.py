"""How long work behaves: threads, the GIL, Ctrl-C, processes, progress, memory."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import overparam as op

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and forks of POSIX")


def run(code: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code, *arguments], text=True, capture_output=True, timeout=120, **options)


def test_many_threads_get_the_same_bits(mlp: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((150, 10))
    expected = mlp.kernel(x)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: mlp.kernel(x), range(32)):
            assert np.array_equal(found, expected)


def test_python_runs_while_a_kernel_is_computed(mlp: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((3000, 10))
    done = threading.Event()
    ticks = 0

    def count() -> None:
        nonlocal ticks
        while not done.wait(0.002):
            ticks += 1

    counter = threading.Thread(target=count)
    counter.start()
    before = ticks
    mlp.kernel(x)
    during = ticks - before
    done.set()
    counter.join()
    # Hundreds on an idle machine; with the lock held there would be none.
    assert during > 1


# A job in the background of a shell is started with interrupts ignored.
INTERRUPTED = """
import sys, time, threading, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np, overparam as op
x = np.random.default_rng(0).standard_normal((20000, 50))
net = op.serial(*[op.Dense(1), op.Gelu()] * 40, op.Dense(1))
times = []

# Without structure, or its decomposition would take no time.
def dense(n):
    a = np.random.default_rng(0).standard_normal((n, n))
    return a + a.T

def interrupt():
    times.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(1.5, interrupt).start()
try:
    CALL
except KeyboardInterrupt:
    print(time.perf_counter() - times[0])
    sys.exit(0)
sys.exit("was not interrupted")
"""


@POSIX
@pytest.mark.parametrize(
    "call",
    [
        "net.kernel(x)",
        "net.kernel(x, progress=True)",
        "net.descend(net.init(0, 50), x, x[:, 0], learning_rate=1e-9, steps=10**9)",
        "op.predict.Dynamics(dense(6000), np.ones(6000))",
    ],
)
def test_ctrl_c_stops_it(call: str) -> None:
    """What is called would take minutes, which the process is not given; it prints how long stopping took."""
    found = run(INTERRUPTED.replace("CALL", call))
    assert found.returncode == 0, found.stderr
    assert float(found.stdout) > 0.0


def test_a_kernel_after_an_interrupted_one(mlp: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((2000, 10))
    small = x[:50]
    expected = mlp.kernel(small)

    class Stop(Exception):
        pass

    def told(done: int) -> None:
        raise Stop

    deep = op.serial(*[op.Dense(1), op.Gelu()] * 60, op.Dense(1))
    with pytest.raises(Stop):
        op._core.kernel(deep.to_json(), x, None, True, True, told)
    assert np.array_equal(mlp.kernel(small), expected)


def _kernel_of(arguments: Any) -> Any:
    net, x = arguments
    return net.kernel(x)


@POSIX
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(mlp: op.Architecture, method: str) -> None:
    x = np.random.default_rng(0).standard_normal((80, 10))
    expected = mlp.kernel(x)
    with multiprocessing.get_context(method).Pool(2) as pool:
        for found in pool.map_async(_kernel_of, [(mlp, x)] * 4).get(timeout=60):
            assert np.array_equal(found, expected)


def test_pickles_go_from_one_interpreter_to_another(mlp: op.Architecture, tmp_path: Any) -> None:
    x = np.random.default_rng(0).standard_normal((10, 3))
    file = tmp_path / "all.pickle"
    ensemble = op.predict.Ensemble(mlp, x, x[:, 0])
    file.write_bytes(pickle.dumps([mlp, mlp.init(0, 3), ensemble, ensemble.mean(x[:2])]))
    code = (
        "import pickle, sys, numpy as np\n"
        "net, params, ensemble, mean = pickle.load(open(sys.argv[1], 'rb'))\n"
        "x = np.random.default_rng(0).standard_normal((10, 3))\n"
        "assert np.array_equal(ensemble.mean(x[:2]), mean)\n"
        "print(net.apply(params, x).tobytes().hex())"
    )
    found = run(code, str(file))
    assert found.stdout.strip() == mlp.apply(mlp.init(0, 3), x).tobytes().hex(), found.stderr


def test_progress_is_told_and_needs_no_tqdm(mlp: op.Architecture) -> None:
    x = np.random.default_rng(0).standard_normal((100, 3))
    assert np.array_equal(mlp.kernel(x, progress=True), mlp.kernel(x))
    code = (
        "import sys; sys.modules['tqdm'] = sys.modules['tqdm.auto'] = None\n"
        "import overparam as op\n"
        "print(op.serial(op.Dense(1)).kernel([[1.0]], progress=True))"
    )
    found = run(code)
    assert found.stdout.strip() == "[[1.]]" and found.stderr == ""


def test_the_import_brings_nothing_that_was_not_asked_for() -> None:
    heavy = {"sklearn", "scipy", "pandas", "matplotlib", "tqdm", "overparam.sklearn", "overparam.stax", "overparam.nt"}
    code = "import json, sys, overparam; print(json.dumps(list(sys.modules)))"
    loaded = set(json.loads(run(code).stdout))
    assert "overparam._core" in loaded and not heavy & loaded


MEMORY = """
import sys, resource
import numpy as np, overparam as op
kind, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
net = op.serial(op.Dense(1, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))
net.kernel(np.ones((2, d), kind))
x = np.random.default_rng(0).standard_normal((n, d)).astype(kind)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
result = net.kernel(x)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(after - before - result.nbytes)
"""


@POSIX
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_peak_memory_is_inputs_result_and_64_mebibytes(kind: str) -> None:
    found = run(MEMORY, kind, "4000", "784")
    assert int(found.stdout) < 64 * 2**20, found.stdout + found.stderr
