"""A U-Net marks discs in noisy images: skips by concatenation, Dice and cross-entropy."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(13)
grid_y, grid_x = torch.meshgrid(torch.arange(17), torch.arange(17), indexing="ij")
centres = torch.randint(4, 13, (24, 2, 1, 1))
radii = torch.randint(2, 5, (24, 1, 1))
masks = (grid_y - centres[:, 0]) ** 2 + (grid_x - centres[:, 1]) ** 2 <= radii**2
images = masks.unsqueeze(1).float() + 0.5 * torch.randn(24, 1, 17, 17)
labels = masks.long()


def double(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.PReLU(),
        nn.Conv2d(outputs, outputs, 3, padding="same"),
        nn.Hardswish(),
    )


class UNet(nn.Module):
    def __init__(self, widths=(4, 8, 16)):
        super().__init__()
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        inputs = 1
        for width in widths:
            self.down.append(double(inputs, width))
            inputs = width
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(inputs, width, 2, stride=2))
            self.up.append(double(2 * width, width))
            inputs = width
        self.out = nn.Conv2d(inputs, 2, 1)

    def forward(self, x):
        skips = []
        for i, layer in enumerate(self.down):
            x = layer(x if i == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for enlarge, layer in zip(self.up[::2], self.up[1::2], strict=True):
            skip = skips[-2]
            skips.pop()
            x = enlarge(x)
            rows, columns = (skip.size(d) - x.size(d) for d in (2, 3))
            x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
            x = layer(torch.cat([skip, x], dim=1))
        return self.out(x)


def dice(logits, target):
    probability = torch.softmax(logits, dim=1)[:, 1]
    shared = torch.sum(probability * target, dim=(1, 2))
    return (1 - (2 * shared + 1) / (probability.sum((1, 2)) + target.sum((1, 2)) + 1)).mean()


model = UNet()
print(sum(p.numel() for p in model.parameters() if p.requires_grad))
optimizer = torch.optim.RAdam(model.parameters(), lr=0.05)
weight = torch.tensor([1.0, 2.0])
losses = []
for step in range(30):
    output = model(images)
    loss = F.cross_entropy(output, labels, weight=weight) + dice(output, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step in (0, 1, 5):
        print(f"step {step}: {loss.item():.4f}")
before, after = losses[0], losses[-1]
found = output.argmax(dim=1)
print(found.shape, torch.unique(found), loss.dim())
print(list(model.state_dict())[:3])
