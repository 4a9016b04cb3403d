"""A convolutional network tells crosses from circles and squares."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F
from sangja.utils.data import DataLoader, Dataset

torch.manual_seed(1)


class Shapes(Dataset):
    """Small noisy drawings of three kinds, each somewhere else."""

    def __init__(self, count, generator):
        self.images = torch.zeros(count, 1, 12, 12)
        self.labels = torch.randint(0, 3, (count,), generator=generator)
        rows = torch.arange(12).view(-1, 1)
        columns = torch.arange(12).view(1, -1)
        for i, label in enumerate(self.labels):
            r, c = torch.randint(4, 8, (2,), generator=generator).tolist()
            down, right = (rows - r).abs(), (columns - c).abs()
            if label == 0:
                drawn = (down == right) & (down <= 3)
            elif label == 1:
                drawn = ((down**2 + right**2).float().sqrt() - 3).abs() < 0.5
            else:
                drawn = torch.maximum(down, right) == 3
            self.images[i, 0][drawn] = 1.0
        self.images += 0.2 * torch.randn(self.images.shape, generator=generator)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.drop = nn.Dropout2d(0.1)
        self.fc1 = nn.Linear(16 * 3 * 3, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = self.drop(F.max_pool2d(F.relu(self.conv2(x)), 2))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return F.log_softmax(self.fc2(x), dim=1)


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
draws = torch.Generator().manual_seed(7)
train_loader = DataLoader(Shapes(192, draws), batch_size=32, shuffle=True, drop_last=True)
test_loader = DataLoader(Shapes(64, draws), batch_size=64)
model = Net().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def test():
    model.eval()
    wrong = 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data.to(device))
            predicted = output.argmax(dim=1, keepdim=True)
            wrong += len(data) - predicted.eq(target.view_as(predicted)).sum().item()
    model.train()
    return wrong / len(test_loader.dataset)


before = test()
for epoch in range(5):
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data.to(device)), target.to(device))
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, wrong {100.0 * test():.0f}%")
after = test()
for name, parameter in model.named_parameters():
    print(name, tuple(parameter.shape), parameter.requires_grad)
