# SPDX-License-Identifier: MIT
"""peer.py ROW FOLDER PEER: the same fits by a public package (for `make bench`; nothing of broca needs Python).
PEER: himalaya-numpy, himalaya-numpy-best, himalaya-torch, himalaya-torch-best, sklearn. HIMALAYA names a checkout.
Reads X.f4, Y.f4, gammas.f8 of the folder, writes PEER_r.f8 and PEER_alpha.f8, prints seconds and peak memory."""
import os
import resource
import sys
import time

import numpy as np

ROWS = {  # n, p, v, bands, alphas, outer
    "A": (384, 768, 12155, 1, np.logspace(-5, 8, 20), 5, "r2"),
    "Ar": (384, 768, 12155, 1, np.logspace(-5, 8, 20), 5, "r"),
    "B": (2500, 3072, 10000, 1, np.logspace(1, 7, 10), 5, "mse"),
    "C": (1250, 1536, 10000, 3, np.logspace(0, 6, 10), 5, "mse"),
    "S": (200, 300, 2000, 1, np.logspace(-5, 8, 20), 5, "r2"),
    "T": (700, 900, 2000, 3, np.logspace(0, 6, 6), 5, "mse"),
}


def blocks(n, k):
    edges = [i * (n // k) + min(i, n % k) for i in range(k + 1)]
    return [np.arange(edges[i], edges[i + 1]) for i in range(k)]


class Contiguous:
    def __init__(self, n):
        self.parts = blocks(n, 5)

    def split(self, X=None, y=None, groups=None):
        for part in self.parts:
            rest = np.setdiff1d(np.concatenate(self.parts), part)
            yield rest, part

    def get_n_splits(self, X=None, y=None, groups=None):
        return 5


def pearson(a, b):
    a = a - a.mean(0)
    b = b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a * a).sum(0) * (b * b).sum(0))


def fit_himalaya(row, X, Y, Xt, train, peer, gammas, scores):
    from himalaya.backend import set_backend
    from himalaya.kernel_ridge import KernelRidgeCV, solve_multiple_kernel_ridge_random_search
    from himalaya import scoring

    backend = set_backend("torch" if "torch" in peer else "numpy")
    n_targets_batch = 1000 if "best" in peer else None
    score = {"r2": scoring.r2_score, "r": scoring.correlation_score, "mse": scoring.l2_neg_loss}[ROWS[row][6]]
    alphas = ROWS[row][4].astype(np.float32)
    X, Y, Xt = backend.asarray(X), backend.asarray(Y), backend.asarray(Xt)
    if ROWS[row][3] == 1:
        model = KernelRidgeCV(alphas=alphas, kernel="linear", fit_intercept=True, cv=Contiguous(len(train)), Y_in_cpu=False,
                              solver_params=dict(score_func=score, n_targets_batch=n_targets_batch))
        model.fit(X, Y)
        return backend.to_numpy(model.predict(Xt)), backend.to_numpy(model.best_alphas_)
    width = X.shape[1] // 3
    scale = 1
    Ks = backend.stack([X[:, b * width:(b + 1) * width] @ X[:, b * width:(b + 1) * width].T / scale for b in range(3)])
    Kt = backend.stack([Xt[:, b * width:(b + 1) * width] @ X[:, b * width:(b + 1) * width].T / scale for b in range(3)])
    deltas, weights, _, intercept = solve_multiple_kernel_ridge_random_search(
        Ks, Y, n_iter=backend.asarray(gammas.astype(np.float32)), alphas=alphas, score_func=score, cv=Contiguous(len(train)),
        fit_intercept=True, return_weights="dual", progress_bar=False, n_targets_batch=n_targets_batch)
    kt = backend.to_numpy(Kt)
    w, d = backend.to_numpy(weights), backend.to_numpy(deltas)
    pred = sum(np.exp(d[b])[None] * (kt[b] @ w) for b in range(3)) + backend.to_numpy(intercept)
    return pred, 1 / np.exp(d).sum(0)


def fit_sklearn(row, X, Y, Xt, train):
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=ROWS[row][4], alpha_per_target=True).fit(X, Y)
    return model.predict(Xt), model.alpha_


def main():
    row, folder, peer = sys.argv[1:4]
    n, p, v, bands, alphas, outer, select = ROWS[row]
    if peer.startswith("himalaya") and os.environ.get("HIMALAYA"):
        sys.path.insert(0, os.environ["HIMALAYA"])
    X = np.fromfile(f"{folder}/X.f4", np.float32).reshape(n, p)
    Y = np.fromfile(f"{folder}/Y.f4", np.float32).reshape(n, v)
    gammas = np.fromfile(f"{folder}/gammas.f8").reshape(-1, bands) if bands > 1 else None
    warm = np.ones((64, 64), np.float32)
    warm @ warm
    if peer.startswith("himalaya"):
        import himalaya.kernel_ridge  # noqa: F401  (imports are not timed)
    start = time.monotonic()
    cpu = time.process_time()
    r, chosen = [], []
    for f, test in list(enumerate(blocks(n, outer)))[-1 if bands > 1 else 0:]:
        train = np.setdiff1d(np.arange(n), test)
        mean, sd = X[train].mean(0), X[train].std(0)
        A, B = (X[train] - mean) / sd, (X[test] - mean) / sd
        if peer == "sklearn":
            prediction, alpha = fit_sklearn(row, A, Y[train], B, train)
        else:
            prediction, alpha = fit_himalaya(row, A, Y[train], B, train, peer, gammas, select)
        r.append(pearson(prediction, Y[test]))
        chosen.append(alpha)
    seconds = time.monotonic() - start
    np.array(r, np.float64).tofile(f"{folder}/{peer}_r.f8")
    np.array(chosen, np.float64).tofile(f"{folder}/{peer}_alpha.f8")
    version = __import__("sklearn" if peer == "sklearn" else "himalaya").__version__
    print(f"seconds\t{seconds:.3f}\tcpu\t{time.process_time() - cpu:.3f}\tmb\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f}\tversion\t{version}")


if __name__ == "__main__":
    main()
