"""A multilayer perceptron learns a surface from scattered points."""

import sangja as torch
import sangja.nn as nn
from sangja.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
x = torch.rand(256, 2) * 4 - 2
y = (torch.sin(x[:, :1]) * x[:, 1:] + 0.05 * torch.randn(256, 1)).float()
train, valid = random_split(TensorDataset(x, y), [208, 48])
loader = DataLoader(train, batch_size=32, shuffle=True)
x_valid, y_valid = valid[:]

model = nn.Sequential(
    nn.Linear(2, 32),
    nn.Tanh(),
    nn.Dropout(0.05),
    nn.Linear(32, 32),
    nn.Tanh(),
    nn.Linear(32, 1),
)
print(model)
print("parameters:", sum(p.numel() for p in model.parameters()))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)


def evaluate():
    model.eval()
    with torch.no_grad():
        loss = criterion(model(x_valid), y_valid)
    model.train()
    return loss.item()


before = evaluate()
for epoch in range(12):
    total = 0.0
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    scheduler.step()
    if epoch % 4 == 3:
        rate = scheduler.get_last_lr()[0]
        print(f"epoch {epoch + 1:2d}  loss {total / len(train):.4f}  rate {rate:.5f}")
after = evaluate()
print(f"valid {before:.4f} -> {after:.4f}")
print(loss)
print(model[0].weight[:2])
