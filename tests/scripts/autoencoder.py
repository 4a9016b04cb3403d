"""A convolutional autoencoder takes the noise off images; a file keeps it, and it goes on."""

import os
import tempfile

import sangja as torch
import sangja.nn as nn

torch.manual_seed(11)
base = torch.rand(4, 1, 4, 4)
clean = nn.functional.interpolate(base, scale_factor=4, mode="bilinear", align_corners=False)
clean = clean.repeat(8, 1, 1, 1)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ELU(),
            nn.Conv2d(8, 4, 3, stride=2, padding=1),
            nn.Flatten(),
            nn.LazyLinear(12),
        )
        self.decoder = nn.Sequential(
            nn.Linear(12, 64),
            nn.Unflatten(1, (4, 4, 4)),
            nn.ConvTranspose2d(4, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ELU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def train(model, optimizer, steps):
    losses = []
    for _ in range(steps):
        noisy = (clean + 0.1 * torch.randn(clean.size())).clamp(0, 1)
        loss = nn.functional.l1_loss(model(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


model = Autoencoder()
model(clean[:1])  # the lazy layer sees its size
optimizer = torch.optim.NAdam(model.parameters(), lr=0.01)
losses = train(model, optimizer, 25)
path = os.path.join(tempfile.mkdtemp(), "autoencoder.pt")
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "steps": 25}, path)

checkpoint = torch.load(path)
again = Autoencoder()
again(clean[:1])
print(again.load_state_dict(checkpoint["model"]), checkpoint["steps"])
optimizer_again = torch.optim.NAdam(again.parameters(), lr=0.5)
optimizer_again.load_state_dict(checkpoint["optimizer"])
state = torch.get_rng_state()
on = train(model, optimizer, 5)
torch.set_rng_state(state)
print("goes on the same:", on == train(again, optimizer_again, 5))
print(f"{losses[0]:.4f} {losses[1]:.4f} {losses[2]:.4f}")
before, after = losses[0], on[-1]
code = model.encoder(clean[:4])
print(code.shape, model.decoder[0])
