"""A small GPT of characters: causal attention, tied embedding, sampling."""

import math

import sangja as torch
import sangja.nn as nn
from sangja.nn import functional as F

torch.manual_seed(6)
text = "boxes in boxes, and in every box a smaller box; open one to see the next. " * 8
letters = sorted(set(text))
data = torch.tensor([letters.index(c) for c in text])
block, batch, width, heads = 16, 8, 24, 3


class Attention(nn.Module):
    def __init__(self, flash):
        super().__init__()
        self.flash = flash
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.drop = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tril(torch.ones(block, block)).bool())

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = (
            part.view(b, t, heads, c // heads).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=2)
        )
        if self.flash:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(~self.mask[:t, :t], float("-inf"))
            y = F.softmax(scores, dim=-1) @ v
        return self.drop(self.project(y.transpose(1, 2).contiguous().view(b, t, c)))


class Block(nn.Module):
    def __init__(self, flash):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(flash)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleDict(
            {
                "token": nn.Embedding(len(letters), width),
                "place": nn.Embedding(block, width),
                "blocks": nn.ModuleList([Block(flash) for flash in (True, False)]),
                "norm": nn.LayerNorm(width),
            }
        )
        self.head = nn.Linear(width, len(letters), bias=False)
        self.body.token.weight = self.head.weight
        self.apply(self.start)

    def start(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, ids, targets=None):
        x = self.body.token(ids) + self.body.place(torch.arange(ids.size(1), device=ids.device))
        for layer in self.body.blocks:
            x = layer(x)
        logits = self.head(self.body.norm(x))
        if targets is None:
            return logits[:, -1, :], None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

    @torch.no_grad()
    def generate(self, ids, count, top=5):
        for _ in range(count):
            logits, _ = self(ids[:, -block:])
            lowest = torch.topk(logits, top).values[:, [-1]]
            logits[logits < lowest] = -float("inf")
            ids = torch.cat((ids, torch.multinomial(F.softmax(logits, dim=-1), 1)), dim=1)
        return ids


model = GPT()
decay = [p for p in model.parameters() if p.dim() >= 2]
others = [p for p in model.parameters() if p.dim() < 2]
groups = [{"params": decay, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))
print(sum(p.numel() for p in model.parameters()), "parameters in", len(decay), "+", len(others))
losses = []
for step in range(60):
    starts = torch.randint(len(data) - block, (batch,))
    x = torch.stack([data[i : i + block] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block] for i in starts])
    _, loss = model(x, y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    if step % 15 == 0:
        print(f"step {step}: loss {loss.item():.4f}, norm {norm:.3f}")
before, after = losses[0], losses[-1]
model.eval()
written = model.generate(torch.zeros((1, 1), dtype=torch.long), 12)[0].tolist()
print(len(written), all(0 <= i < len(letters) for i in written))
