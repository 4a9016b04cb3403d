"""A small DCGAN: convolutions against transposed convolutions, on bright squares."""

import sangja as torch
import sangja.nn as nn

torch.manual_seed(3)
real_images = -torch.ones(64, 1, 8, 8)
real_images[:, :, 2:6, 2:6] = 1.0
real_images += 0.05 * torch.randn_like(real_images)


def weights_init(m):
    name = type(m).__name__
    if name.startswith("Conv"):
        nn.init.normal_(m.weight, 0.0, 0.1)
    elif name.startswith("BatchNorm"):
        nn.init.normal_(m.weight, 1.0, 0.1)
        nn.init.zeros_(m.bias)


generator = nn.Sequential(
    nn.ConvTranspose2d(6, 16, 2, 1, 0, bias=False),
    nn.BatchNorm2d(16),
    nn.ReLU(True),
    nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(True),
    nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
    nn.Tanh(),
).apply(weights_init)
discriminator = nn.Sequential(
    nn.Conv2d(1, 8, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(8, 16, 4, 2, 1, bias=False),
    nn.BatchNorm2d(16),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(16, 1, 2, 1, 0, bias=False),
    nn.Sigmoid(),
    nn.Flatten(0),
).apply(weights_init)
print(generator)
criterion = nn.BCELoss()
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=4e-3, betas=(0.5, 0.999))
fixed = torch.randn(16, 6, 1, 1)


def distance():
    """How far the middle and the rim of what is drawn are from the real ones."""
    with torch.no_grad():
        drawn = generator(fixed).mean(dim=(0, 1))
    return (drawn - real_images.mean(dim=(0, 1))).abs().mean().item()


before = distance()
for step in range(150):
    batch = real_images[torch.randint(0, 64, (16,))]
    label = torch.full((16,), 1.0)
    discriminator.zero_grad()
    error_real = criterion(discriminator(batch), label)
    error_real.backward()
    fake = generator(torch.randn(16, 6, 1, 1))
    label.fill_(0.0)
    error_fake = criterion(discriminator(fake.detach()), label)
    error_fake.backward()
    optimizer_d.step()
    generator.zero_grad()
    label.fill_(1.0)
    error_g = criterion(discriminator(fake), label)
    error_g.backward()
    optimizer_g.step()
    if step < 3:
        print(f"[{step}] D {(error_real + error_fake).item():.3f} G {error_g.item():.3f}")
after = distance()
print("shapes", fake.shape, discriminator(fake).shape)
