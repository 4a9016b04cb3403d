"""Two LSTM cells continue sine waves; the whole data in each step of L-BFGS."""

import sangja as torch
import sangja.nn as nn

torch.manual_seed(5)
phases = torch.rand(8, 1, dtype=torch.double) * 6
waves = torch.sin(phases + torch.arange(40, dtype=torch.double) / 4)


class Forecaster(nn.Module):
    def __init__(self, size=12):
        super().__init__()
        self.size = size
        self.first = nn.LSTMCell(1, size)
        self.second = nn.LSTMCell(size, size)
        self.linear = nn.Linear(size, 1)

    def forward(self, series, future=0):
        outputs = []
        h1, c1, h2, c2 = (series.new_zeros(len(series), self.size) for _ in range(4))
        for value in series.split(1, dim=1):
            h1, c1 = self.first(value, (h1, c1))
            h2, c2 = self.second(h1, (h2, c2))
            outputs.append(self.linear(h2))
        for _ in range(future):
            h1, c1 = self.first(outputs[-1], (h1, c1))
            h2, c2 = self.second(h1, (h2, c2))
            outputs.append(self.linear(h2))
        return torch.cat(outputs, dim=1)


model = Forecaster().double()
criterion = nn.MSELoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=8)
seen, expected = waves[:6, :-1], waves[:6, 1:]
calls = []


def closure():
    optimizer.zero_grad()
    loss = criterion(model(seen), expected)
    loss.backward()
    calls.append(loss.item())
    return loss


for step in range(4):
    first = optimizer.step(closure)
    if step < 2:
        print(f"step {step}: {first.item():.5f} after {len(calls)} calls")
before, after = calls[0], calls[-1]
with torch.no_grad():
    forecast = model(waves[6:, :20], future=5)
print("forecast", forecast.shape, forecast.dtype == torch.float64)
print("gradient", model.linear.weight.grad.shape)
