# SPDX-License-Identifier: MIT
"""The RBMs of others with pbit's law. With spins s = +-1 and bits b = (s + 1) / 2,
sigma(2 sum_i J_ij s_i) = sigma(sum_i 4 J_ij b_i - 2 sum_i J_ij)."""
import numpy as np

try:
    from sklearn.neural_network import BernoulliRBM
except ImportError:
    BernoulliRBM = None
try:
    import torch
except ImportError:
    torch = None
try:
    from threadpoolctl import threadpool_limits
except ImportError:
    threadpool_limits = None


def limit_threads(threads):
    """Of every BLAS in this process, and of PyTorch."""
    if torch:
        torch.set_num_threads(threads)
    if threadpool_limits:
        threadpool_limits(limits=threads)


def as_bits(J):
    """Couplings, visible and hidden biases between bits."""
    return 4 * J, -2 * J.sum(axis=1), -2 * J.sum(axis=0)


class SklearnRBM:
    what, package = "scikit-learn", "python3-sklearn"
    name = "scikit-learn BernoulliRBM.gibbs"

    def __init__(self, J, chains):
        W, b, c = as_bits(J)
        self.rbm = BernoulliRBM(n_components=J.shape[1])
        self.rbm.components_ = np.ascontiguousarray(W.T)
        self.rbm.intercept_visible_, self.rbm.intercept_hidden_ = b, c
        self.rbm.random_state_ = np.random.RandomState(1)
        self.v = (self.rbm.random_state_.random_sample((chains, J.shape[0])) < 0.5).astype(float)
        # What gibbs() does, but for the check that the model was fitted.
        self.rbm.h_samples_ = np.zeros((chains, J.shape[1]))

    def run(self, sweeps):
        for _ in range(sweeps):
            self.v = self.rbm.gibbs(self.v)


class TorchRBM:
    what, package = "PyTorch", "python3-torch"
    name = "PyTorch bernoulli(sigmoid(v @ W))"

    def __init__(self, J, chains):
        self.W, self.b, self.c = (torch.tensor(x, dtype=torch.float32) for x in as_bits(J))
        self.v = (torch.rand(chains, J.shape[0]) < 0.5).float()

    def run(self, sweeps):
        with torch.no_grad():
            v = self.v
            for _ in range(sweeps):
                h = torch.bernoulli(torch.sigmoid(v @ self.W + self.c))
                v = torch.bernoulli(torch.sigmoid(h @ self.W.t() + self.b))
            self.v = v


def missing(kind):
    return (BernoulliRBM if kind is SklearnRBM else torch) is None
