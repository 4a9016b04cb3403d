"""nn.Transformer sorts numbers: padding and causal masks, warm-up, greedy decoding."""

import math

import sangja as torch
import sangja.nn as nn

torch.manual_seed(14)
START, WIDTH, LENGTH = 1, 24, 6


class Positions(nn.Module):
    def __init__(self, size, limit=20):
        super().__init__()
        table = torch.zeros(limit, size)
        place = torch.arange(limit, dtype=torch.float).unsqueeze(1)
        rates = torch.exp(torch.arange(0, size, 2).float() * (-math.log(100.0) / size))
        table[:, 0::2] = torch.sin(place * rates)
        table[:, 1::2] = torch.cos(place * rates)
        self.register_buffer("table", table.unsqueeze(0), persistent=False)

    def forward(self, x):
        return x + self.table[:, : x.size(1)]


class Sorter(nn.Module):
    def __init__(self, symbols):
        super().__init__()
        self.embedding = nn.Embedding(symbols, WIDTH, padding_idx=0)
        self.positions = Positions(WIDTH)
        self.transformer = nn.Transformer(
            WIDTH, 4, 1, 1, dim_feedforward=48, dropout=0.0, activation="gelu", batch_first=True
        )
        self.out = nn.Linear(WIDTH, symbols)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, source, target):
        padding = source == 0
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
        x = self.positions(self.embedding(source) * math.sqrt(WIDTH))
        y = self.positions(self.embedding(target) * math.sqrt(WIDTH))
        z = self.transformer(
            x,
            y,
            tgt_mask=mask,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return self.out(z)


def batch(count):
    numbers = torch.randint(2, 10, (count, LENGTH))
    ordered, _ = numbers.sort(dim=1)
    source = torch.cat([numbers, torch.zeros(count, 1).long()], dim=1)
    starts = torch.full((count, 1), START)
    return source, torch.cat([starts, ordered[:, :-1]], dim=1), ordered


model = Sorter(10)
optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: 0.01 * min((step + 1) / 20, ((step + 1) / 20) ** -0.5)
)
losses = []
for step in range(80):
    source, entered, expected = batch(32)
    loss = nn.functional.cross_entropy(model(source, entered).transpose(1, 2), expected)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    if step in (0, 1, 10):
        print(f"step {step}: {loss.item():.4f}")
before, after = losses[0], losses[-1]
model.eval()
source, _, _ = batch(2)
with torch.no_grad():
    written = torch.full((2, 1), START)
    for _ in range(LENGTH):
        following = model(source, written)[:, -1].argmax(-1, keepdim=True)
        written = torch.cat([written, following], dim=1)
print(written.shape, nn.Transformer.generate_square_subsequent_mask(3))
print(len(model.state_dict()), "tensors;", model.transformer.encoder.layers[0].self_attn)
