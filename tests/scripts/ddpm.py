"""Denoising diffusion of points on a circle: a linear schedule, time embedding, ancestral steps."""

import math

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(10)
STEPS = 20
betas = torch.linspace(1e-3, 0.25, STEPS)
alphas = 1.0 - betas
kept = torch.cumprod(alphas, dim=0)
kept_before = F.pad(kept[:-1], (1, 0), value=1.0)
variance = betas * (1.0 - kept_before) / (1.0 - kept)
angles = torch.rand(256) * 2 * math.pi
points = torch.stack([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.register_buffer("rates", torch.exp(-math.log(1000.0) * torch.arange(size // 2) / 4))

    def forward(self, t):
        phases = t[:, None].float() * self.rates[None, :]
        return torch.cat([phases.sin(), phases.cos()], dim=-1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(TimeEmbedding(16), nn.Linear(16, 32), nn.SiLU())
        self.enter, self.middle = nn.Linear(2, 32), nn.Linear(32, 32)
        self.norm = nn.GroupNorm(4, 32)
        self.leave = nn.Linear(32, 2)

    def forward(self, x, t):
        h = F.silu(self.enter(x) + self.time(t))
        h = h + F.silu(self.norm(self.middle(h)))
        return self.leave(h)


def extract(values, t):
    return values.gather(-1, t).unsqueeze(-1)


model = Denoiser()
averaged = [p.detach().clone() for p in model.parameters()]
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
losses = []
for step in range(120):
    x = points[torch.randint(0, 256, (64,))]
    t = torch.randint(0, STEPS, (64,))
    noise = torch.randn_like(x)
    noisy = extract(kept.sqrt(), t) * x + extract((1 - kept).sqrt(), t) * noise
    loss = F.mse_loss(model(noisy, t), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for mean, p in zip(averaged, model.parameters(), strict=True):
            mean.lerp_(p, 0.05)
    losses.append(loss.item())
    if step in (0, 1, 10):
        print(f"step {step}: {loss.item():.4f}")
before, after = sum(losses[:10]), sum(losses[-10:])


@torch.inference_mode()
def sample(count):
    x = torch.randn(count, 2)
    for i in reversed(range(STEPS)):
        t = torch.full((count,), i, dtype=torch.long)
        share = extract(betas, t) / extract((1 - kept).sqrt(), t)
        x = (x - share * model(x, t)) / extract(alphas.sqrt(), t)
        if i > 0:
            x = x + extract(variance.sqrt(), t) * torch.randn_like(x)
    return x


drawn = sample(32)
print(drawn.shape, drawn.requires_grad, (drawn.norm(dim=1) < 3).all())
print([f"{value:.4f}" for value in kept[::6].tolist()])
