"""A physics-informed network solves u'' = −u from u(0) = 0, u'(0) = 1: gradients of gradients."""

import math

import sangja as torch
import sangja.nn as nn


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


class Cube(torch.autograd.Function):
    """A function with a derivative written by hand."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad_output


torch.manual_seed(16)
torch.set_default_dtype(torch.float64)
model = nn.Sequential(nn.Linear(1, 16), Sine(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
times = torch.linspace(0, math.pi, 30).unsqueeze(1).requires_grad_(True)
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=12, line_search_fn="strong_wolfe")


def derivative(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


def residual():
    u = model(times)
    du = derivative(u, times)
    inner = (derivative(du, times) + u).square().mean()
    return inner + u[0, 0] ** 2 + (du[0, 0] - 1) ** 2


def closure():
    optimizer.zero_grad()
    loss = residual()
    loss.backward()
    return loss


before = residual().item()
for step in range(3):
    loss = optimizer.step(closure)
    print(f"step {step}: {loss.item():.6f}")
after = residual().item()
cubes = Cube.apply(times[:3])
print(cubes)
print(derivative(cubes, times)[:4].squeeze())
with torch.no_grad():
    error = (model(times) - torch.sin(times)).abs().max()
print("near sin:", (error < 0.2).item())
torch.set_default_dtype(torch.float32)
