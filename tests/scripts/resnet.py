"""A residual network with strides, batch normalisation and a cosine schedule, on striped images."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(7)
labels = torch.arange(48) % 4
waves = torch.arange(16.0)
images = torch.stack(
    [
        torch.sin(waves.view(-1, 1) * (1 + k // 2) * (k % 2) + waves * (1 + k // 2) * (1 - k % 2))
        for k in labels.tolist()
    ]
)
images = images.unsqueeze(1).expand(-1, 3, -1, -1) + 0.3 * torch.randn(48, 3, 16, 16)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.MaxPool2d(2), nn.ReLU(inplace=True)
        )
        stages = [Residual(8, 8), Residual(8, 16, 2), Residual(16, 16)]
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)

    def forward(self, x):
        return self.fc(self.pool(self.stages(self.stem(x))).flatten(1))


model = ResNet(4)
print(model.stages[1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
losses = []
for epoch in range(8):
    for index in torch.randperm(48).view(3, 16):
        optimizer.zero_grad()
        loss = criterion(model(images[index]), labels[index])
        loss.backward()
        optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    if epoch < 2:
        print(f"epoch {epoch}: {loss.item():.3f} {scheduler.get_last_lr()[0]:.5f}")
before, after = losses[0], losses[-1]
model.eval()
with torch.no_grad():
    _, predicted = model(images).max(1)
print("tracked", model.stages[0].bn1.num_batches_tracked)
print([name for name, _ in model.named_buffers()][:3])
assert predicted.shape == labels.shape
