"""A siamese network: near are the embeddings of sequences of one kind, by triplet loss."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F
from sangja.utils.data import DataLoader, Dataset, RandomSampler

torch.manual_seed(12)
prototypes = torch.randn(5, 16)


class Triplets(Dataset):
    """An anchor, another of its kind, and one of another kind."""

    def __init__(self, count):
        self.kinds = torch.randint(0, 5, (count,))
        self.others = (self.kinds + torch.randint(1, 5, (count,))) % 5
        self.noise = 0.7 * torch.randn(3, count, 16)

    def __len__(self):
        return self.kinds.size(0)

    def __getitem__(self, i):
        kind, other = self.kinds[i], self.others[i]
        return {
            "anchor": prototypes[kind] + self.noise[0, i],
            "same": prototypes[kind] + self.noise[1, i],
            "other": prototypes[other] + self.noise[2, i],
            "kind": int(kind),
        }


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 6, 5, padding=2, padding_mode="circular")
        self.pool = nn.AvgPool1d(2)
        self.fc = nn.Linear(48, 8)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = self.pool(F.leaky_relu(self.conv(x.unsqueeze(1)), 0.1))
        return F.normalize(self.fc(x.flatten(start_dim=1)), dim=1) * self.scale


data = Triplets(120)
loader = DataLoader(data, batch_size=30, sampler=RandomSampler(data))
model = Embedder()
criterion = nn.TripletMarginLoss(margin=0.5)
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
losses = []
for epoch in range(8):
    for sample in loader:
        parts = (model(sample[name]) for name in ("anchor", "same", "other"))
        loss = criterion(*parts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch}: {loss.item():.4f}")
before, after = sum(losses[:4]), sum(losses[-4:])
model.requires_grad_(False)
one = data[0]
near = F.cosine_similarity(model(one["anchor"][None]), model(one["same"][None]))
print(near.shape, near.requires_grad, one["kind"], sample["kind"].dtype == torch.int64)
print(torch.cdist(model(prototypes), model(prototypes)).diagonal())
