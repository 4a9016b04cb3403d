"""Graph convolution and graph attention name the halves of a graph from one label in each."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(15)
count = 24
group = (torch.arange(count) >= count // 2).long()
likely = torch.where(group[:, None] == group[None, :], 0.5, 0.05)
edges = torch.bernoulli(torch.triu(likely, diagonal=1))
adjacency = edges + edges.T + torch.eye(count)
degree = adjacency.sum(dim=1)
normal = adjacency / torch.sqrt(degree[:, None] * degree[None, :])
features = torch.eye(count)


class GraphConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x):
        return torch.mm(normal, torch.mm(x, self.weight)) + self.bias


class GraphAttention(nn.Module):
    def __init__(self, inputs, outputs, heads):
        super().__init__()
        self.heads, self.outputs = heads, outputs
        self.w = nn.Linear(inputs, outputs * heads, bias=False)
        self.a = nn.Parameter(0.1 * torch.randn(2, heads, outputs))

    def forward(self, x):
        h = self.w(x).view(-1, self.heads, self.outputs)
        left, right = torch.einsum("nho,kho->khn", h, self.a)
        scores = F.leaky_relu(left.unsqueeze(2) + right.unsqueeze(1), 0.2)
        scores = torch.where(adjacency > 0, scores, torch.full_like(scores, -9e15))
        mixed = torch.einsum("hnm,mho->nho", torch.softmax(scores, -1), h)
        return F.elu(mixed.reshape(-1, self.heads * self.outputs))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = GraphConvolution(count, 8)
        self.attention = GraphAttention(8, 4, 2)
        self.last = GraphConvolution(8, 2)

    def forward(self, x):
        x = F.dropout(torch.relu(self.conv(x)), 0.2, training=self.training)
        return F.log_softmax(self.last(self.attention(x)), dim=1)


model = Net()
known = torch.tensor([0, count - 1])
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
before = F.nll_loss(model(features), group).item()
for epoch in range(30):
    model.train()
    optimizer.zero_grad()
    output = model(features)
    loss = F.nll_loss(output[known], group[known])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        print(f"epoch {epoch}: {loss.item():.4f}")
model.eval()
with torch.no_grad():
    after = F.nll_loss(model(features), group).item()
    right = (model(features).argmax(1) == group).float().mean()
print("edges", int(edges.sum()), "loss lower:", after < before, "right enough:", right > 0.8)
