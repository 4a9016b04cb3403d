"""Recurrent layers: all steps of one layer in one direction as one operation.

Each is a primitive for speed: a loop over time on plain arrays, where a composite would remember
twenty operations a step. What every step computed is a result as well, from which the derivative
is a loop back in time, and the derivatives of the weights one product over all steps.

x is what the inputs contribute to the gates, (steps, N, gates · hidden); h the state before,
(N, hidden); w (gates · hidden, hidden) what makes the state's own contribution, h wᵀ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.native import sequences
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.elementwise import zeros
from sangja.ops.join import Cat, Stack
from sangja.ops.linalg import multiply
from sangja.ops.shape import reshape, transpose
from sangja.ops.trigonometry import tanh


def joined(parts: list[Any]) -> Any:
    """Arrays or tensors side by side, in the last dimension."""
    return apply(Cat, *parts, dim=parts[0].ndim - 1)


def shifted(first: Any, later: Any) -> Any:
    """What each step began with: `first`, then what all steps but the last one ended with."""
    return apply(Cat, first[None], later[:-1], dim=0)


def stacked(parts: list[Any]) -> Any:
    """The gradients of the steps, found from the last to the first, in the order of time."""
    return apply(Stack, *reversed(parts), dim=0)


def outer(d: Any, before: Any) -> Any:
    """Σ dᵀ h over all steps and samples: the gradient of the weight that multiplied h."""
    flat = reshape(d, (-1, d.shape[-1]))
    return transpose(flat, 0, 1) @ reshape(before, (-1, before.shape[-1]))


def outer_of_steps(d: Any, first: Any, later: Any) -> Any:
    """`outer(d, shifted(first, later))` of arrays, which need not be joined for it."""
    n = len(first)
    d, later = d.reshape(-1, d.shape[-1]), later.reshape(-1, later.shape[-1])
    dw = multiply(d[:n].T, first)
    if len(d) > n:
        dw += multiply(d[n:].T, later[:-n])
    return dw


def pieces(x: Any, n: int) -> list[Any]:
    """(…, n · hidden) cut into its n gates."""
    width = x.shape[-1] // n
    return [x[..., i * width : (i + 1) * width] for i in range(n)]


def squash(xp: Any, x: Any) -> None:
    """x ← σ(x) = 1 / (1 + e⁻ˣ), in place."""
    xp.negative(x, out=x)
    xp.exp(x, out=x)
    x += 1
    xp.reciprocal(x, out=x)


class RNNSteps(Primitive):
    """h[t] = tanh(x[t] + h[t−1] wᵀ), or max(0, …) with `rectified`"""

    def forward(xp, x, h, w, *, rectified):
        z = xp.empty((*x.shape[:2], len(w)), x.dtype)
        for t in range(len(x)):
            h = xp.matmul(h, w.T, out=z[t])
            h += x[t]
            if rectified:
                xp.maximum(h, 0, out=h)
            else:
                xp.tanh(h, out=h)
        return z

    def dall(g, h, w, out, rectified):
        slope = out > 0 if rectified else 1 - out * out
        dh, found = 0.0, []
        for t in reversed(range(len(out))):
            d = (g[t] + dh) * slope[t]
            found.append(d)
            dh = d @ w
        dx = stacked(found)
        return dx, dh, outer(dx, shifted(h, out))


class LSTMSteps(Primitive):
    """The gates (i, f, n, o) = x[t] + h[t−1] wᵀ, n by tanh and the others by σ; then c[t] =
    f c[t−1] + i n and h[t] = o tanh c[t]. The results: h, c and the gates of all steps"""

    gaps = True

    def forward(xp, x, h, c, w):
        made = sequences.lstm(x, h, c, w)
        if made is not None:
            return made
        width = w.shape[1]
        hs = xp.empty((*x.shape[:2], width), x.dtype)
        cs, gates = xp.empty_like(hs), xp.empty_like(x, order="C")
        for t in range(len(x)):
            z = xp.matmul(h, w.T, out=gates[t])
            z += x[t]
            new = xp.tanh(z[:, 2 * width : 3 * width])
            squash(xp, z)
            z[:, 2 * width : 3 * width] = new
            c = xp.multiply(z[:, width : 2 * width], c, out=cs[t])
            new *= z[:, :width]
            c += new
            h = xp.multiply(z[:, 3 * width :], xp.tanh(c), out=hs[t])
        return hs, cs, gates

    def dall(g, h, c, w, out):
        gh, gc, own = g
        hs, cs, gates = out
        gh = zeros(hs) if gh is None else gh
        made = sequences.lstm_gradients(gh, gc, own, c, w, cs, gates)
        if made is not None:
            return *made, outer_of_steps(made[0], h, hs)
        write, keep, new, show = pieces(gates, 4)
        shown = tanh(cs)
        fall = show * (1 - shown * shown)  # ∂h/∂c
        slopes = [write * (1 - write), keep * (1 - keep), 1 - new * new, show * (1 - show)]
        before = [new, shifted(c, cs), write, shown]
        share = [a * b for a, b in zip(before, slopes, strict=True)]  # ∂c/∂z of i, f, n; ∂h/∂z of o
        own = None if own is None else own * joined(slopes)
        if all(a.__class__ is np.ndarray for a in (gh, gc, own, hs, w) if a is not None):
            gc = zeros(cs) if gc is None else gc
            own = zeros(gates) if own is None else own
            dx, dh, dc = lstm_backwards(gh, gc, own, fall, keep, joined(share), w)
            return dx, dh, dc, outer(dx, shifted(h, hs))
        dh, dc, found = 0.0, 0.0, []
        for t in reversed(range(len(hs))):
            dh = gh[t] + dh
            dc = dc + dh * fall[t] if gc is None else gc[t] + dc + dh * fall[t]
            d = joined([a * b[t] for a, b in zip((dc, dc, dc, dh), share, strict=True)])
            d = d if own is None else d + own[t]
            found.append(d)
            dh = d @ w
            dc = dc * keep[t]
        dx = stacked(found)
        return dx, dh, dc, outer(dx, shifted(h, hs))


def lstm_backwards(
    gh: Any, gc: Any, dx: Any, fall: Any, keep: Any, share: Any, w: Any
) -> tuple[Any, Any, Any]:
    """The loop of `LSTMSteps.dall` on arrays, in place: `dx` comes with the gates' own gradients
    and collects the rest. Returns it and the gradients of the first h and c."""
    samples, width = gh.shape[1:]
    dh, dc = np.zeros_like(gh[0]), np.zeros_like(gh[0])
    spare = np.empty((samples, 4, width), gh.dtype)
    for t in reversed(range(len(gh))):
        dh += gh[t]
        dc += gc[t]
        dc += np.multiply(dh, fall[t], out=spare[:, 0])
        parts = share[t].reshape(spare.shape)
        np.multiply(dc[:, None], parts[:, :3], out=spare[:, :3])
        np.multiply(dh, parts[:, 3], out=spare[:, 3])
        d = dx[t]
        d += spare.reshape(d.shape)
        np.matmul(d, w, out=dh)
        dc *= keep[t]
    return dx, dh, dc


class GRUSteps(Primitive):
    """q = h[t−1] wᵀ + b; the gates r and z by σ of x[t] + q, n = tanh(x[t] + r q), and h[t] = n +
    z (h[t−1] − n). The results: h, the gates and the part of q that r multiplies, of all steps"""

    gaps = True

    def forward(xp, x, h, w, b):
        made = sequences.gru(x, h, w, b)
        if made is not None:
            return made
        width = w.shape[1]
        hs = xp.empty((*x.shape[:2], width), x.dtype)
        gates, offers = xp.empty_like(x, order="C"), xp.empty_like(hs)
        for t in range(len(x)):
            q = xp.matmul(h, w.T)
            if b is not None:
                q += b
            offers[t] = q[:, 2 * width :]
            z = gates[t]
            both = xp.add(x[t, :, : 2 * width], q[:, : 2 * width], out=z[:, : 2 * width])
            squash(xp, both)
            new = xp.multiply(both[:, :width], offers[t], out=z[:, 2 * width :])
            new += x[t, :, 2 * width :]
            xp.tanh(new, out=new)
            h = xp.subtract(h, new, out=hs[t])
            h *= both[:, width:]
            h += new
        return hs, gates, offers

    def dall(g, h, w, out):
        gh, own, offered = g
        hs, gates, offers = out
        gh = zeros(hs) if gh is None else gh
        made = sequences.gru_gradients(gh, own, offered, h, w, hs, gates, offers)
        if made is not None:
            dx, dh, dq = made
            return dx, dh, outer_of_steps(dq, h, hs), dq
        own = zeros(gates) if own is None else own
        offered = zeros(offers) if offered is None else offered
        reset, update, new = pieces(gates, 3)
        own_reset, own_update, own_new = pieces(own, 3)
        before = shifted(h, hs)
        slope_r, slope_z, slope_n = reset * (1 - reset), update * (1 - update), 1 - new * new
        rest, difference = (1 - update) * slope_n, (before - new) * slope_z
        own_reset, own_update = own_reset * slope_r, own_update * slope_z
        own_new, pull = own_new * slope_n, offers * slope_r
        dh, found, inner = 0.0, [], []
        for t in reversed(range(len(hs))):
            dh = gh[t] + dh
            dn = dh * rest[t] + own_new[t]
            dz = dh * difference[t] + own_update[t]
            dr = dn * pull[t] + own_reset[t]
            dq = joined([dr, dz, dn * reset[t] + offered[t]])
            found.append(joined([dr, dz, dn]))
            inner.append(dq)
            dh = dh * update[t] + dq @ w
        dq = stacked(inner)
        return stacked(found), dh, outer(dq, before), dq


def rnn_steps(x: Any, h: Any, w: Any, *, rectified: bool) -> tuple[Tensor, tuple[Tensor]]:
    """All states of a plain recurrent layer, and the last."""
    z = apply(RNNSteps, x, h, w, rectified=rectified)
    return z, (z[-1],)


def lstm_steps(x: Any, h: Any, c: Any, w: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """All states h of a layer of long short-term memory, and the last h and c. Hochreiter and
    Schmidhuber, 1997."""
    hs, cs, _ = apply(LSTMSteps, x, h, c, w)
    return hs, (hs[-1], cs[-1])


def gru_steps(x: Any, h: Any, w: Any, b: Any) -> tuple[Tensor, tuple[Tensor]]:
    """All states of a layer of gated recurrent units, and the last. Cho et al., 2014."""
    hs, _, _ = apply(GRUSteps, x, h, w, b)
    return hs, (hs[-1],)
