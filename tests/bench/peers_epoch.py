# SPDX-License-Identifier: MIT
"""How long an epoch takes, and what was learnt: a pbit train job, BernoulliRBM.partial_fit and the same
rule in PyTorch, float32, by persistent contrastive divergence: k sweeps a step, as many chains as a
batch has images. The three models are judged by one estimate of annealed importance sampling, in
numpy."""
import gzip
import json
import os
import subprocess
import time

import numpy as np

from peers_rbm import BernoulliRBM, limit_threads, torch

DIGITS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../client/examples/digits")
THREADS = 2
CHAINS, BETAS = 128, 1000  # of the estimate


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def free(v, W, b, c):
    """ln p*(v)."""
    x = v @ W + c
    return v @ b + np.logaddexp(0, x).sum(axis=1)


def ais(model, mean, chains=CHAINS, betas=BETAS, seed=1):
    """ln Z from the independent pixels of the data, its standard error, and the weights' effective
    number, (sum w)^2 / sum w^2."""
    W, b, c = model
    rng = np.random.RandomState(seed)
    base = np.log(mean / (1 - mean))
    v = (rng.random_sample((chains, len(b))) < mean).astype(float)
    log_w = np.zeros(chains)
    t = np.linspace(0, 1, betas)
    for low, high in zip(t[:-1], t[1:]):
        x = v @ W + c
        log_w += (high - low) * (v @ (b - base))
        log_w += (np.logaddexp(0, high * x) - np.logaddexp(0, low * x)).sum(axis=1)
        h = (rng.random_sample(x.shape) < sigmoid(high * x)).astype(float)
        field = high * (h @ W.T + b) + (1 - high) * base
        v = (rng.random_sample(v.shape) < sigmoid(field)).astype(float)
    weight = np.exp(log_w - log_w.max())
    log_z0 = np.logaddexp(0, base).sum() + len(c) * np.log(2)
    error = weight.std() / weight.mean() / np.sqrt(chains)
    ess = weight.sum() ** 2 / (weight ** 2).sum()
    return log_z0 + log_w.max() + np.log(weight.mean()), error, ess


def further_sweeps(rbm, sweeps):
    """partial_fit() makes one; its chains are h_samples_, from the first call on."""
    for _ in range(sweeps if hasattr(rbm, "h_samples_") else 0):
        v = rbm._sample_visibles(rbm.h_samples_, rbm.random_state_)
        rbm.h_samples_ = rbm._sample_hiddens(v, rbm.random_state_)


def by_sklearn(x, s):
    limit_threads(THREADS)
    rbm = BernoulliRBM(n_components=s["hidden"], learning_rate=s["rate"], batch_size=s["batch"],
                       random_state=1)
    rng = np.random.RandomState(1)
    start = time.perf_counter()
    for _ in range(s["epochs"]):
        order = rng.permutation(len(x))
        for k in range(s["steps"]):
            further_sweeps(rbm, s["sweeps"] - 1)
            rbm.partial_fit(x[order[k * s["batch"]:(k + 1) * s["batch"]]])
    seconds = time.perf_counter() - start
    return seconds / s["epochs"], None, (rbm.components_.T, rbm.intercept_visible_,
                                         rbm.intercept_hidden_), None


def by_torch(x, s):
    limit_threads(THREADS)
    torch.manual_seed(1)
    x = torch.tensor(x, dtype=torch.float32)
    n, m, batch = x.shape[1], s["hidden"], s["batch"]
    mean = (x.sum(0) + 1) / (len(x) + 2)
    W, b, c = 0.01 * torch.randn(n, m), torch.log(mean / (1 - mean)), torch.zeros(m)
    h = torch.zeros(batch, m)
    start = time.perf_counter()
    with torch.no_grad():
        for _ in range(s["epochs"]):
            order = torch.randperm(len(x))
            for k in range(s["steps"]):
                v = x[order[k * batch:(k + 1) * batch]]
                seen = torch.sigmoid(v @ W + c)
                for _ in range(s["sweeps"] - 1):
                    dream = torch.bernoulli(torch.sigmoid(h @ W.t() + b))
                    h = torch.bernoulli(torch.sigmoid(dream @ W + c))
                dream = torch.bernoulli(torch.sigmoid(h @ W.t() + b))
                mean = torch.sigmoid(dream @ W + c)
                W += s["rate"] / batch * (v.t() @ seen - dream.t() @ mean)
                b += s["rate"] / batch * (v.sum(0) - dream.sum(0))
                c += s["rate"] / batch * (seen.sum(0) - mean.sum(0))
                h = torch.bernoulli(mean)
    seconds = time.perf_counter() - start
    return seconds / s["epochs"], None, tuple(y.double().numpy() for y in (W, b, c)), None


def read_safetensors(path):
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        head = json.loads(f.read(size))
        body = f.read()
    at = head["couplings"]
    kind = {"I8": np.int8, "I16": np.int16}[at["dtype"]]
    q = np.frombuffer(body[slice(*at["data_offsets"])], kind).reshape(at["shape"])
    return json.loads(head["__metadata__"]["scale"])[0] * q[0].astype(float)


def train(build, out, path, s):
    """One job; its seconds from its first step to its last figure, the seconds of its steps by what
    they went to, and the model's file."""
    spec = {
        "kind": "train", "seed": 1,
        "data": {"images": path, "threshold": 1, "holdout": s["holdout"], "validation": 0},
        "model": {"hidden": s["hidden"], "layers": []},
        "device": {"bits": 8, "scan": "alternating", "chains": s["batch"], "sweeps": s["sweeps"]},
        "optimizer": {"method": "descent", "positive": "sampled", "epochs": s["epochs"],
                      "steps": s["steps"], "batch": s["batch"], "rate": s["own_rate"]},
        "baselines": [],
        "report": {"every": s["epochs"], "tau_sweeps": 64, "ais_chains": 16, "ais_betas": 16,
                   "samples": 1}}
    with open(out + "/spec.json", "w") as f:
        json.dump(spec, f)
    pbit = build + "/bin/pbit"
    done = subprocess.run([pbit, "private", pbit, "train", out + "/spec.json", "--watch", "-o",
                           out + "/job", "--force"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit("bench-peers: the train job failed: " + done.stdout[-500:])
    with open(out + "/job/metrics.jsonl") as f:
        seconds = json.loads(f.readlines()[-1])["seconds"]
    with open(out + "/job/report.json") as f:
        parts = json.load(f)["timing"]["steps"]
    return seconds, parts, out + "/job/model.safetensors"


def by_pbit(build, out, x, s):
    path = os.path.abspath(out + "/images.npy")
    np.save(path, x.astype(np.uint8))
    whole, parts, model = train(build, out, path, s)
    J = read_safetensors(model)
    inner = J[1:, 1:]
    W, b, c = 4 * inner, 2 * J[1:, 0] - 2 * inner.sum(axis=1), 2 * J[0, 1:] - 2 * inner.sum(axis=0)
    return whole / s["epochs"], parts.pop("all") / s["epochs"], (W, b, c), parts


def digits():
    x = np.load(DIGITS + "/optdigits_images.npy").reshape(-1, 64)
    return x >= 8


def mnist(folder):
    for end, opened in ((".gz", gzip.open), ("", open)):
        path = folder + "/t10k-images-idx3-ubyte" + end
        if os.path.exists(path):
            with opened(path, "rb") as f:
                return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784) >= 128
    raise SystemExit("bench-peers: no %s/t10k-images-idx3-ubyte.gz" % folder)


def compare_on(build, out, name, x, s):
    order = np.random.RandomState(0).permutation(len(x))
    x = x[order].astype(float)
    test, x = x[:len(x) // 5], x[len(x) // 5:]
    s = dict(s, steps=len(x) // s["batch"], holdout=0.01)
    mean = (x.sum(axis=0) + 1) / (len(x) + 2)
    independent = (test @ np.log(mean) + (1 - test) @ np.log(1 - mean)).mean()
    print("%s: %d x %d, %d images, %d epochs of %d steps, %d images and chains a step, k = %d; rate %g\n"
          "between bits, %g between spins" % (name, x.shape[1], s["hidden"], len(x), s["epochs"],
                                              s["steps"], s["batch"], s["sweeps"], s["rate"],
                                              s["own_rate"]))
    form = "  %-38s %12s %12s %22s"
    print(form % ("", "s an epoch", "steps alone", "held out, nats (AIS)"))
    rows, ways = [], [("pbit train", lambda: by_pbit(build, out, x, s))]
    if BernoulliRBM:
        ways.append(("scikit-learn BernoulliRBM.partial_fit", lambda: by_sklearn(x, s)))
    if torch:
        ways.append(("PyTorch, float32", lambda: by_torch(x, s)))
    for what, way in ways:
        seconds, alone, model, parts = way()
        log_z, error, ess = ais(model, mean)
        value = float(free(test, *model).mean() - log_z)
        resolved = bool(ess >= 3 * CHAINS ** 0.5)  # as pbit-spec(5) has it
        rows.append({"name": what, "epoch_seconds": seconds, "steps_seconds": alone or seconds,
                     "loglik": value if resolved else None, "error": float(error) if resolved else None,
                     "ais_ess": float(ess), "resolved": resolved})
        if parts:
            rows[-1]["parts"] = parts
        print(form % (what, "%.3f" % seconds, "%.3f" % (alone or seconds),
                      "%.2f +- %.2f" % (value, error) if resolved else "not resolved"), flush=True)
    for row in rows[1:]:
        row["pbit_is_faster"] = row["epoch_seconds"] / rows[0]["epoch_seconds"]
        row["pbit_steps_are_faster"] = row["epoch_seconds"] / rows[0]["steps_seconds"]
        print("  pbit's epoch is %.2f times as fast as %s's, its steps alone %.2f times"
              % (row["pbit_is_faster"], row["name"], row["pbit_steps_are_faster"]))
    parts = rows[0]["parts"]
    print("  of pbit's steps: " + ", ".join("%s %.0f %%" % (key, 100 * value / sum(parts.values()))
                                            for key, value in parts.items() if value))
    print("  independent pixels come to %.2f\n" % independent)
    return dict(s, name=name, images=len(x), held_out=len(test), independent=float(independent),
                threads=THREADS, rows=rows)


def compare(build, out, folder):
    print("Training by persistent contrastive divergence, %d threads. Not the same in all: pbit's rate\n"
          "falls to 0, it keeps the average of its last steps, has 8-bit couplings, draws the hidden side\n"
          "where the others take its mean, and averages over all k sweeps of a step; at the end of the\n"
          "last epoch it judges mixing and likelihood, which are in \"s an epoch\" and not in \"steps\n"
          "alone\". pbit and PyTorch start from independent pixels, scikit-learn from nothing. Rates are\n"
          "not tuned alike: the others' are usual ones, pbit's is the best of a few on these images.\n"
          % THREADS)
    done = []
    for sweeps in (1, 16):
        done.append(compare_on(build, out, "digits", digits(), {
            "hidden": 16, "batch": 64, "epochs": 40, "rate": 0.2, "own_rate": 0.04,
            "sweeps": sweeps}))
        if folder:
            done.append(compare_on(build, out, "MNIST's test set", mnist(folder), {
                "hidden": 512, "batch": 256, "epochs": 10, "rate": 0.1, "own_rate": 0.007,
                "sweeps": sweeps}))
    return done
