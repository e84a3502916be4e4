"""The other side of `cargo xtask bench`: one case, prepared once, run whenever a line comes in.

    python worker.py --packages torch,numpy     versions of these packages, one JSON object
    python worker.py CASE --threads 2

Prepares the case, runs it once to warm up and compile, and prints a JSON object with the seconds that took and numbers
by which the results of both sides are compared. Then, for every line on standard input, runs one repetition and prints
its seconds and the process's largest memory so far. Ends when standard input ends, at once.
"""
import argparse
import importlib
import json
import os
import queue
import resource
import sys
import threading
import time

# Where each case is, without importing packages it does not need.
HOME = {"ntk": "kernels", "kernels": "layers", "empirical": "kernels", "dynamics": "kernels", "deep": "descent", "random": "features"}


def packages(names):
    from importlib import metadata

    versions, missing = {"python": sys.version.split()[0]}, []
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    return {"versions": versions, "missing": missing}


def limit(threads):
    """Before anything is imported that starts threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):  # XLA starts a thread for each processor it may run on.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def lines():
    """A queue of the lines that come in. When they end, so does the process, whatever it is doing."""
    arrived = queue.Queue()

    def read():
        for line in sys.stdin:
            arrived.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return arrived


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--packages", type=lambda names: names.split(","))
    options = parser.parse_args()
    # Libraries that greet on standard output must not disturb the conversation.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**message):
        print(json.dumps(message), file=out, flush=True)

    if options.packages:
        return say(**packages(options.packages))
    limit(options.threads)
    arrived = lines()
    module = importlib.import_module(HOME.get(options.case.split("-")[0], "networks"))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(options.threads)
    run, summary = module.CASES[options.case]()
    begin = time.perf_counter()
    result = run()
    first = time.perf_counter() - begin
    say(first_seconds=first, summary=summary(result))
    while arrived.get():
        result = None
        begin = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - begin
        say(seconds=seconds, peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
