#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peers.py BUILD OUT [MNIST]: pbit beside what one would reach for today to sample and train an RBM:
scikit-learn's BernoulliRBM (float64, as it is) and PyTorch's torch.bernoulli(torch.sigmoid(v @ W))
(float32). On the same couplings, in turns, by medians; then the time of an epoch, and what was learnt,
by one estimate for all. What is not installed is left out, in a line that says so. The figures are left
in OUT/peers.json."""
import json
import os
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
except ImportError:
    print("numpy is not installed, and without it nothing is compared; apt-get install python3-numpy")
    sys.exit(0)
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peers_epoch
from peers_rbm import SklearnRBM, TorchRBM, limit_threads, missing

N, M = 784, 512
SLICES = 15
SECONDS = float(os.environ.get("BENCH_SECONDS", "0.1"))  # of a slice


class Pbit:
    """The embedded device, through BUILD/tests/bench/turns."""

    def __init__(self, build, path, scale, chains, threads):
        self.process = subprocess.Popen(
            [build + "/tests/bench/turns", path, repr(scale), str(chains), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = "pbit " + self.process.stdout.readline().strip()

    def run(self, sweeps):
        self.process.stdin.write("%d\n" % sweeps)
        self.process.stdin.flush()
        ns, flips, changed = map(int, self.process.stdout.readline().split())
        self.changed = changed / flips
        return ns

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(contender, sweeps):
    """Nanoseconds."""
    if isinstance(contender, Pbit):
        return contender.run(sweeps)
    start = time.perf_counter_ns()
    contender.run(sweeps)
    return time.perf_counter_ns() - start


def sweeps_of_a_slice(contender):
    timed(contender, 4)
    sweeps, ns = 1, timed(contender, 1)
    while ns < SECONDS * 1e9 / 4:
        sweeps *= 2
        ns = timed(contender, sweeps)
    return max(1, int(sweeps * SECONDS * 1e9 / ns))


def in_turns(contenders, updates):
    """flips/ns of each, slice by slice."""
    sweeps = [sweeps_of_a_slice(c) for c in contenders]
    rates = [[] for _ in contenders]
    for _ in range(SLICES):
        for c, s, r in zip(contenders, sweeps, rates):
            r.append(updates * s / timed(c, s))
    return rates


def couplings(seed=1):
    """The random law of `pbit bench` at 784 x 512: one update in six changes its p-bit."""
    rng = np.random.RandomState(seed)
    w = np.clip(np.rint(20 * rng.standard_normal((N, M))), -63, 63)
    inputs = 2 * N * M / (N + M)
    return w.astype(np.int8), 2.5 / (2 * np.sqrt((w ** 2).mean() * inputs))


def sampling(build, out):
    w, scale = couplings()
    path = out + "/W.npy"
    np.save(path, w)
    rows = []
    print("Sampling at %d x %d, the same couplings; flips/ns, medians of %d slices in turns\n"
          % (N, M, SLICES))
    form = "%-34s %7s %8s %10s %14s"
    print(form % ("", "chains", "threads", "flips/ns", "pbit is faster"))
    for chains in (256, 1):
        for threads in (1, 2):
            limit_threads(threads)
            ours = Pbit(build, path, scale, chains, threads)
            all_ = [ours] + [kind(scale * w, chains) for kind in (SklearnRBM, TorchRBM)
                             if not missing(kind)]
            rates = in_turns(all_, chains * (N + M))
            for c, r in zip(all_, rates):
                ratio = statistics.median(a / b for a, b in zip(rates[0], r))
                rows.append({"name": c.name, "chains": chains, "threads": threads,
                             "flips_per_ns": statistics.median(r), "best": max(r),
                             "pbit_over_it": ratio})
                print(form % (c.name, chains, threads, "%.4f" % rows[-1]["flips_per_ns"],
                              "-" if c is ours else "%.1f times" % ratio), flush=True)
            ours.close()
    print("\npbit: %.3f of the updates change the p-bit\n" % ours.changed)
    return {"network": "%dx%d" % (N, M), "changed": ours.changed, "slices": SLICES, "rows": rows}


def main():
    build, out = sys.argv[1:3]
    mnist = sys.argv[3] if len(sys.argv) > 3 else ""
    os.makedirs(out, exist_ok=True)
    core = os.environ.get("OPENBLAS_CORETYPE", "")
    print("numpy's OpenBLAS computes for %s\n" % (
        core + ", which OPENBLAS_CORETYPE says and it would not find by itself" if core else
        "the processor that it finds"))
    for kind in (SklearnRBM, TorchRBM):
        if missing(kind):
            print("%s is not installed, and left out; apt-get install %s" % (kind.what, kind.package))
    report = {"openblas_coretype": core, "sampling": sampling(build, out), "training": []}
    with open(out + "/peers.json", "w") as f:
        json.dump(report, f, indent=2)
    report["training"] = peers_epoch.compare(build, out, mnist)
    with open(out + "/peers.json", "w") as f:
        json.dump(report, f, indent=2)
    print("figures saved in %s/peers.json" % out)


main()
