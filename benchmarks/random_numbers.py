"""Random numbers beside PyTorch, and float32 normals of all 2²⁴ uniforms, bit for bit.

The check makes PyTorch's generator give chosen words: MT19937's tempering is linear and can be
undone, so any words can be written into its state. With a second uniform of 0 a normal is the
radius; with the one first uniform whose radius is 1 the normals are cosine and sine.
"""

import struct

import numpy as np
import torch
from side_by_side import arguments, compare  # first: it sets the number of threads

from sangja.backend.generator import Generator
from sangja.backend.normals import fill_normal

MILLION = 1_000_000
PER_STATE = 38 * 16  # of the 624 words of a state
RADIUS_ONE = 6601320  # the word whose radius √(−2 ln(1 − u)) is exactly 1


def untempered(y):
    """The state words that MT19937 tempers to `y`."""
    y = y.astype(np.uint64)
    y ^= y >> np.uint64(18)
    y ^= (y << np.uint64(15)) & np.uint64(0xEFC60000)
    x = y.copy()
    for _ in range(5):
        x = y ^ ((x << np.uint64(7)) & np.uint64(0x9D2C5680))
    y, x = x, x.copy()
    for _ in range(3):
        x = y ^ (x >> np.uint64(11))
    return x


def pytorch_normals(words):
    """`torch.randn` of these words, sixteen by sixteen."""
    out = np.empty(words.size, np.float32)
    raw = untempered(words)
    t = torch.Generator()
    state = t.get_state().numpy()
    struct.pack_into("<iiQ", state, 8, 624, 1, 1)
    key = np.frombuffer(state, "<u8")[3:627]
    for start in range(0, words.size, PER_STATE):
        piece = raw[start : start + PER_STATE]
        key[1 : 1 + piece.size] = piece
        t.set_state(torch.from_numpy(state))
        out[start : start + piece.size] = torch.randn(piece.size, generator=t).numpy()
    return out


def our_normals(words):
    out, place = np.empty(words.size, np.float32), 0

    def draw(n):
        nonlocal place
        place += n
        return words[place - n : place].copy()

    fill_normal(out, draw, 0.0, 1.0)
    return out


def exhaustive(stop):
    """How many of the radii, cosines and sines of the first `stop` uniforms differ from
    PyTorch's."""
    different = 0
    for start in range(0, stop, 2**18):
        every = np.arange(start, min(start + 2**18, stop), dtype=np.uint32).reshape(-1, 8)
        for u1, u2 in ((every, np.zeros_like(every)), (np.full_like(every, RADIUS_ONE), every)):
            words = np.concatenate([u1, u2], axis=1).ravel()
            ours, theirs = our_normals(words), pytorch_normals(words)
            different += np.count_nonzero(ours.view(np.int32) != theirs.view(np.int32))
    print(f"float32 normals of {stop} uniforms: {different} differ (bar 0)")


if __name__ == "__main__":
    args = arguments(__doc__)
    torch.set_num_threads(1)
    exhaustive(2**12 if args.smoke else 2**24)
    g, n = Generator(0), 1000 if args.smoke else MILLION
    many = 1000 if args.smoke else 25 * MILLION
    half = np.full(n, 0.5, np.float32)
    shuffled = min(n, 60_000)
    for name, ours, theirs, bar, rounds in (
        ("rand", lambda: g.rand((n,)), lambda: torch.rand(n), 2, 9),
        ("uniform_", lambda: g.uniform((n,), -1, 1), lambda: torch.empty(n).uniform_(-1, 1), 6, 9),
        ("randn", lambda: g.normal((n,)), lambda: torch.randn(n), 8, 9),
        ("randn of 25 million", lambda: g.normal((many,)), lambda: torch.randn(many), 8, 3),
        (
            "randn float64",
            lambda: g.normal((n,), dtype=np.float64),
            lambda: torch.randn(n, dtype=torch.float64),
            10,
            3,
        ),
        ("randint", lambda: g.integers(0, 9, (n,)), lambda: torch.randint(0, 9, (n,)), 3, 9),
        (
            "randperm of 60,000",
            lambda: g.permutation(shuffled),
            lambda: torch.randperm(shuffled),
            25,
            9,
        ),
        ("bernoulli", lambda: g.bernoulli(half), lambda: torch.full((n,), 0.5).bernoulli(), 2, 9),
        (
            "dropout's mask",
            lambda: g.dropout_mask((n,), 0.3),
            lambda: torch.empty(n, dtype=torch.bool).bernoulli_(0.7),
            2,
            9,
        ),
        (
            "exponential_",
            lambda: g.exponential((n,)),
            lambda: torch.empty(n).exponential_(),
            6,
            3,
        ),
    ):
        compare(name, ours, theirs, 1 if args.smoke else rounds, 1, bar)
