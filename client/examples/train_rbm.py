#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains an RBM on handwritten digits, with gradients from a p-bit device and Adam in numpy.

    python3 train_rbm.py [--hidden M] [--epochs E] [--images IMAGES.npy] [--device NAME]

Each step makes two calls of one session: visible p-bits held at a batch of images, and chains that
run free. Their moments differ by the gradient. What is printed is exact: the log-likelihood, by
summing over all states of the hidden side.
"""

import argparse
import os
import sys

import numpy as np

try:
    import pbit
except ImportError:  # in the source tree and where `make install` puts both
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:0] = [os.path.join(here, "..", "python"), here]
    import pbit

HERE = os.path.dirname(os.path.realpath(__file__))


class Adam:
    """Kingma and Ba, arXiv:1412.6980; steps uphill."""

    def __init__(self, shape, rate):
        self.m, self.v, self.t, self.rate = np.zeros(shape), np.zeros(shape), 0, rate

    def step(self, gradient):
        self.t += 1
        self.m += 0.1 * (gradient - self.m)
        self.v += 0.001 * (gradient ** 2 - self.v)
        return self.rate * (self.m / (1 - 0.9 ** self.t)) / (
            np.sqrt(self.v / (1 - 0.999 ** self.t)) + 1e-8)


def log_likelihood(W, images):
    """Nats an image, exactly, of E(v, h) = -v' W h with reference spins at index 0."""
    n, m = W.shape
    hidden = np.ones((2 ** (m - 1), m))
    hidden[:, 1:] = 2 * ((np.arange(2 ** (m - 1))[:, None] >> np.arange(m - 1)) & 1) - 1
    field = hidden @ W.T                                    # of the visible p-bits, for each h
    free = field[:, 0] + np.logaddexp(field[:, 1:], -field[:, 1:]).sum(axis=1)
    log_z = np.logaddexp.reduce(free)
    v = np.hstack([np.ones((len(images), 1)), images])
    field = v @ W                                           # of the hidden ones, for each image
    free = field[:, 0] + np.logaddexp(field[:, 1:], -field[:, 1:]).sum(axis=1)
    return free.mean() - log_z


def independent_pixels(train, test):
    """The same of the best model without couplings between pixels, with one pseudo-image of each."""
    p = ((train > 0).sum(axis=0) + 1) / (len(train) + 2)
    return np.where(test > 0, np.log(p), np.log1p(-p)).sum(axis=1).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", default=os.path.join(HERE, "digits", "optdigits_images.npy"))
    parser.add_argument("--hidden", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", help="its name, as `pbit devices` tells")
    o = parser.parse_args()

    images = np.load(o.images)
    images = np.where(images.reshape(len(images), -1) >= 8, 1, -1).astype(np.int8)
    rng = np.random.default_rng(o.seed)
    rng.shuffle(images)
    test, train = images[:len(images) // 5], images[len(images) // 5:]
    device = {"chains": o.batch, "bits": 16, "scan": "palindrome"}
    if o.device:
        device["name"] = o.device

    with pbit.Daemon() as daemon, daemon.session(
            visible=images.shape[1], hidden=o.hidden, references=True, rows=o.batch, seed=o.seed,
            name="train_rbm.py", **device) as s:
        W = rng.normal(0, 0.05, s.couplings.shape)
        p = ((train > 0).sum(axis=0) + 1) / (len(train) + 2)
        W[1:, 0] = np.log(p / (1 - p)) / 2                  # the pixels as if they were independent
        W[0, :] = 0
        adam = Adam(W.shape, o.rate)
        print(f"session {s.id}: {W.shape[0]} x {W.shape[1]} p-bits with their references")
        for epoch in range(1, o.epochs + 1):
            order = rng.permutation(len(train))
            for at in range(0, len(train) - o.batch + 1, o.batch):
                s.couplings[:] = W
                s.rows[:] = train[order[at:at + o.batch]]
                s.call(sweeps=4, clamped=True)
                gradient = s.vh.copy()                      # the next call writes there, too
                result = s.call(sweeps=16, keep=True)
                gradient -= s.vh
                W += adam.step(gradient - 0.002 * W)
                W[0, 0] = 0
            quantised = result.scale * np.round(W / result.scale)
            print(f"epoch {epoch:3d}  {log_likelihood(quantised, test):8.3f} nats a held-out image")
        print(f"independent pixels  {independent_pixels(train, test):8.3f}")


if __name__ == "__main__":
    try:
        main()
    except pbit.Error as e:
        sys.exit(f"train_rbm.py: {e.strerror}")
