"""Encoder, decoder and additive attention between them learn to turn sequences round."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F
from sangja import optim
from sangja.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(8)
PAD, START, END, SYMBOLS = 0, 1, 2, 9
pairs = []
for _ in range(48):
    body = torch.randint(3, SYMBOLS, (int(torch.randint(2, 6, (1,))),))
    ends = torch.tensor([END])
    pairs.append((torch.cat([body, ends]), torch.cat([body.flip(0), ends])))
lengths = torch.tensor([len(source) for source, _ in pairs])
sources = pad_sequence([source for source, _ in pairs], batch_first=True, padding_value=PAD)
targets = pad_sequence([target for _, target in pairs], batch_first=True, padding_value=PAD)


class Encoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, size, padding_idx=PAD)
        self.gru = nn.GRU(size, size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * size, size)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(
            self.embedding(x), lengths, batch_first=True, enforce_sorted=False
        )
        packed, state = self.gru(packed)
        outputs, _ = pad_packed_sequence(packed, batch_first=True)
        return self.bridge(outputs), torch.tanh(self.bridge(torch.cat([state[0], state[1]], 1)))


class Decoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, size)
        self.query, self.key = nn.Linear(size, size), nn.Linear(size, size)
        self.energy = nn.Linear(size, 1)
        self.cell = nn.GRUCell(2 * size, size)
        self.out = nn.Linear(2 * size, SYMBOLS)

    def forward(self, token, state, memory, mask):
        scores = self.energy(torch.tanh(self.query(state).unsqueeze(1) + self.key(memory)))
        scores = scores.squeeze(2).masked_fill(mask, -1e9)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights.unsqueeze(1), memory).squeeze(1)
        state = self.cell(torch.cat([self.embedding(token), context], dim=1), state)
        return self.out(torch.cat([state, context], dim=1)), state, weights


encoder, decoder = Encoder(20), Decoder(20)
optimizer = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
mask = sources == PAD
losses = []
for step in range(40):
    memory, state = encoder(sources, lengths)
    token = torch.full((len(pairs),), START, dtype=torch.long)
    outputs = []
    for place in range(targets.size(1)):
        logits, state, weights = decoder(token, state, memory, mask)
        outputs.append(logits)
        token = targets[:, place]
    loss = criterion(torch.stack(outputs, dim=1).flatten(0, 1), targets.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(decoder.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
    if step % 10 == 0:
        print(f"({step}) {loss.item():.4f}")
before, after = losses[0], losses[-1]
print(sources[:2], lengths[:4])
print("attention sums to", torch.allclose(weights.sum(1), torch.ones(48)))
print(torch.topk(logits, 2, dim=1).indices.shape)
