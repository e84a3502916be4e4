#!/usr/bin/env python3
"""Mutation testing of one crate without a build for every mutant.

cargo-mutants says what to change (`cargo mutants --list --json`). Every function is then written once for each of its
mutants, within one `match` on the environment variable MUTANT, and the crate is built once: its tests run once a mutant.
A mutant that does not compile is left out, as cargo-mutants does ("unviable"). Not switched, and counted as such: constants,
`const fn`, and functions that return `impl Trait`, whose variants would be of different types.

    git clone . /tmp/copy && tests/mutants/run.py /tmp/copy overparam-eval --file 'crates/eval/src/stats/**' --out stats.json

changes the copy. Two copies at work at once need two CARGO_TARGET_DIR: cargo gives their executables the same names.
Caught: a test fails, the process dies, or it uses four times the processor time of an unchanged run and 5 s, or three
minutes ("timeout"). `--sample K/N` takes every N-th mutant from the K-th on; `--tests` adds integration tests to the
unit tests. What takes longest runs last, and only for those mutants that nothing caught before: whole executables by
themselves, single tests by `--last`. `--skip` leaves tests out. `--twice` is for tests that go by the clock, which fail by themselves
where the machine stands still for a while: what fails is run again. Mutants run in a random order, the same every time, so
that what `--seconds` cuts short is a sample too.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict

SWITCH = """
#[doc(hidden)]
#[allow(missing_docs)]
pub fn mutants_switch() -> u32 {
    static SWITCH: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *SWITCH.get_or_init(|| std::env::var("MUTANT").ok().and_then(|v| v.parse().ok()).unwrap_or(0))
}
"""
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'|'\w+|\w+|.""", re.S
)


def offsets(text):
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return lambda place: starts[place["line"] - 1] + place["column"] - 1


def body(text, start, end):
    """The place within the braces of the function between two offsets, and its signature."""
    depth, seen, at = 0, None, start
    for token in TOKEN.finditer(text, start, end):
        word, at = token.group(), token.start()
        if word == "fn" and seen is None:
            seen = at
        elif seen is not None and word in "([":
            depth += 1
        elif seen is not None and word in ")]":
            depth -= 1
        elif seen is not None and word == "{" and depth == 0:
            head = max(text.rfind(c, start, seen) for c in "\n;}")
            return at + 1, text.rindex("}", at, end), text[head + 1 : at]
    return None


def switch(tree, mutants):
    """Rewrites the files; the ids of each line, and ids that cannot be switched."""
    lines, left_out = {}, set()
    by_file = defaultdict(list)
    for mutant in mutants:
        by_file[mutant["file"]].append(mutant)
    for file, those in by_file.items():
        path = os.path.join(tree, file)
        text = subprocess.run(["git", "-C", tree, "show", f"HEAD:{file}"], capture_output=True, check=True).stdout.decode()
        at = offsets(text)
        spans = {(at(m["function"]["span"]["start"]), at(m["function"]["span"]["end"])) for m in those if m["function"]}
        outer = sorted(s for s in spans if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in spans))
        variants = defaultdict(list)
        for m in those:
            start, end = at(m["span"]["start"]), at(m["span"]["end"])
            home = next((s for s in outer if s[0] <= start and end <= s[1]), None)
            place = home and body(text, *home)
            if not place or start < place[0] or end > place[1] or re.search(r"\bconst fn\b|->\s*impl\b", place[2]):
                left_out.add(m["id"])
                continue
            variant = text[place[0] : start] + m["replacement"] + text[end : place[1]]
            variants[place[:2]].append((m["id"], variant))
        out, done = [], 0
        for (start, end), arms in sorted(variants.items()):
            out.append(text[done:start] + "\nmatch crate::mutants_switch() {\n")
            for identity, variant in arms:
                first = "".join(out).count("\n") + 1
                out.append(f"{identity} => {{\n{variant}\n}}\n")
                for line in range(first, first + out[-1].count("\n")):
                    lines[file, line] = identity
            out.append("_ => {" + text[start:end] + "}\n}\n")
            done = end
        out.append(text[done:])
        with open(path, "w") as f:
            # Variants within variants would multiply.
            f.write("".join(out).replace("#[inline(always)]", "#[inline(never)]"))
    return lines, left_out


def build(tree, package, tests, beside):
    """Executables, and the places of errors."""
    command = ["cargo", "test", "--offline", "-p", package, "--lib", "--no-run", "--message-format=json"]
    command += [part for other in beside for part in ("-p", other)]
    command += [part for test in tests for part in ("--test", test)]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    executables, places, messages = [], set(), []
    for line in result.stdout.splitlines():
        message = json.loads(line)
        mine = f"/{package.removeprefix('overparam-')}#" in message.get("package_id", "")
        if message["reason"] == "compiler-artifact" and message.get("executable") and mine:
            executables.append(message["executable"])
        if message["reason"] == "compiler-message" and message["message"]["level"].startswith("error"):
            spans = message["message"]["spans"]
            messages.append(message["message"]["rendered"])
            for span in [s for s in spans if s["is_primary"]] or spans:
                while span:
                    places.add((span["file_name"], span["line_start"]))
                    span = (span.get("expansion") or {}).get("span")
    if result.returncode and not messages:
        sys.exit(result.stderr)
    return executables, places, messages


def run(command, tree, package, mutant, cpu):
    """`passed`, `failed` or `timeout`, and processor seconds, of an executable with its arguments."""
    # The first case that fails is enough, and must not be tried on the next mutant.
    environment = {**os.environ, "MUTANT": str(mutant), "PROPTEST_MAX_SHRINK_ITERS": "0"}
    folder = os.path.join(tree, "crates", package.removeprefix("overparam-"))
    shutil.rmtree(os.path.join(folder, "proptest-regressions"), ignore_errors=True)

    def limit():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
        resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [*command, "--test-threads=1"], cwd=folder, env=environment, preexec_fn=limit, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    # A mutant may wait for ever without using the processor. Steps, because while everything is stopped none goes by.
    done = threading.Event()

    def watch():
        if not any(done.wait(1) for _ in range(180)):
            os.killpg(process.pid, signal.SIGKILL)

    clock = threading.Thread(target=watch)
    clock.start()
    verdict = None
    for line in process.stdout:
        if re.search(r"FAILED$|^failures:", line):
            verdict = "failed"
            os.killpg(process.pid, signal.SIGKILL)
            break
    code = process.wait()
    done.set()
    clock.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if verdict is None:
        verdict = "passed" if code == 0 else "timeout" if -code in (24, 9) else "failed"
    return verdict, spent


def decisions(file):
    """Mutants that were caught or not viable. The number in front of a name changes with the files that were chosen."""
    with open(file) as f:
        earlier = json.load(f)
    outcomes = earlier["outcomes"].items()
    return earlier["unviable"] + [key.split(" ", 1)[1] for key, outcome in outcomes if outcome != "missed"]


def survivors(file):
    with open(file) as f:
        return [key.split(" ", 1)[1] for key, outcome in json.load(f)["outcomes"].items() if outcome == "missed"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree")
    parser.add_argument("package")
    parser.add_argument("--file", action="append", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--sample", default="0/1")
    parser.add_argument("--tests", nargs="*", default=[])
    parser.add_argument("--last", nargs="*", default=[], help="tests whose names contain one of these: after all others")
    parser.add_argument("--skip", nargs="*", default=[], help="tests whose names contain one of these: not at all")
    parser.add_argument("--twice", action="store_true", help="caught is what fails twice in a row")
    parser.add_argument("--beside", nargs="*", default=[], help="packages built as well, so that features are those of theirs")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no further mutant after this time")
    parser.add_argument("--rest", nargs="*", default=[], help="without those that these outputs of earlier runs decided")
    parser.add_argument("--missed", nargs="*", default=[], help="those only that these outputs say survived: for new tests")
    options = parser.parse_args()
    tree, package = os.path.abspath(options.tree), options.package
    subprocess.run(["git", "checkout", "-q", "."], cwd=tree, check=True)
    files = [part for file in options.file for part in ("-f", file)]
    listing = subprocess.run(["cargo", "mutants", "--no-config", "--list", "--json", *files], cwd=tree, capture_output=True, check=True)
    mutants = [m for m in json.loads(listing.stdout) if m["package"] == package]
    for identity, mutant in enumerate(mutants, 1):
        mutant["id"] = identity
    k, n = map(int, options.sample.split("/"))
    chosen = [m for m in mutants if m["id"] % n == k % n]
    if options.missed:
        chosen = [m for m in mutants if m["name"] in {name for file in options.missed for name in survivors(file)}]
    decided = {name for file in options.rest for name in decisions(file)}
    chosen = [m for m in chosen if m["name"] not in decided]
    library = os.path.join(tree, "crates", package.removeprefix("overparam-"), "src", "lib.rs")
    unviable = set()
    while True:
        subprocess.run(["git", "checkout", "-q", "."], cwd=tree, check=True)
        lines, left_out = switch(tree, [m for m in chosen if m["id"] not in unviable])
        with open(library, "a") as f:
            f.write(SWITCH)
        executables, places, messages = build(tree, package, options.tests, options.beside)
        if not messages:
            break
        bad = {lines[place] for place in places if place in lines}
        if not bad:
            sys.exit("\n".join(messages[:5]))
        unviable |= bad
        print(f"{len(bad)} do not compile", flush=True)
    viable = [m for m in chosen if m["id"] not in unviable | left_out]
    skip = [part for name in options.skip for part in ("--skip", name)]
    last = [part for name in options.last for part in ("--skip", name)]
    base = {(executable, *last, *skip): 0.0 for executable in executables}
    if options.last:
        base |= {(executable, *options.last, *skip): 0.0 for executable in executables}
    times = 2 if options.twice else 1
    for command in base:
        for _ in range(times):
            verdict, base[command] = run(command, tree, package, 0, 3600)
            if verdict == "passed":
                break
        assert verdict == "passed", f"{command} without a mutant: {verdict}"
        print(f"{base[command]:.1f} s: {' '.join(command)}", flush=True)
    commands = sorted(base, key=base.get)
    print(f"{len(chosen)} of {len(mutants)} chosen, {len(unviable)} unviable, {len(left_out)} not switched,",
          f"{len(viable)} to run, {sum(base.values()):.1f} s each", flush=True)
    outcomes, start = {}, time.time()
    random.Random(0).shuffle(viable)
    for mutant in viable:
        if time.time() - start > options.seconds:
            break
        outcome = "missed"
        for command in commands:
            for _ in range(times):
                verdict, _ = run(command, tree, package, mutant["id"], int(4 * base[command]) + 5)
                if verdict != "failed":
                    break
            if verdict != "passed":
                outcome = "caught" if verdict == "failed" else "timeout"
                break
        outcomes[mutant["id"]] = outcome
        if outcome == "missed":
            print(f"missed {mutant['id']}: {mutant['name']}", flush=True)
        with open(options.out, "w") as f:
            names = {m["id"]: m["name"] for m in mutants}
            json.dump({
                "package": package, "files": options.file, "sample": options.sample, "mutants": len(mutants),
                "unviable": [names[i] for i in sorted(unviable)], "not switched": [names[i] for i in sorted(left_out)],
                "outcomes": {f"{i} {names[i]}": o for i, o in outcomes.items()},
            }, f, indent=1)
    print(dict(Counter(outcomes.values())), f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
