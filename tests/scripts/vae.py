"""A variational autoencoder of one-dimensional bumps."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(2)
places = torch.linspace(0, 1, 24)
centres = 0.2 + 0.6 * torch.rand(128, 1)
data = torch.exp(-((places - centres) ** 2) / 0.01)


class VAE(nn.Module):
    def __init__(self, latent=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(24, 32), nn.ReLU())
        self.mean = nn.Linear(32, latent)
        self.log_variance = nn.Linear(32, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, 24), nn.Sigmoid()
        )

    def reparameterize(self, mean, log_variance):
        deviation = torch.exp(0.5 * log_variance)
        return mean + torch.randn_like(deviation) * deviation

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        return self.decoder(self.reparameterize(mean, log_variance)), mean, log_variance


def loss_function(decoded, x, mean, log_variance):
    reconstruction = F.binary_cross_entropy(decoded, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (reconstruction + divergence) / len(x)


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
losses = []
for epoch in range(16):
    for index in torch.randperm(len(data)).split(32):
        batch = data[index]
        loss = loss_function(*((out := model(batch))[0], batch), *out[1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        losses.append(loss.item())
    if epoch % 4 == 0:
        print(f"====> epoch {epoch}: {sum(losses[-4:]) / 4:.3f}")
before, after = sum(losses[:4]), sum(losses[-4:])
with torch.no_grad():
    sample = model.decoder(torch.randn(2, 2))
print("sample", sample.shape, f"{sample.mean().item():.3f}")
print([f"{value:.2f}" for value in sample[0, ::6].tolist()])
