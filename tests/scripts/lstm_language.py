"""A language model of words: embedding, two LSTM layers, tied weights, truncated gradients."""

import math

import sangja as torch
import sangja.nn as nn

torch.manual_seed(4)
text = "the cat sat on the mat and the dog lay on the rug while the bird sang to the cat . " * 12
words = text.split()
vocabulary = sorted(set(words))
index_of = {word: i for i, word in enumerate(vocabulary)}
ids = torch.tensor([index_of[word] for word in words], dtype=torch.long)


def batchify(data, columns):
    rows = data.size(0) // columns
    return data.narrow(0, 0, rows * columns).view(columns, -1).t().contiguous()


class LanguageModel(nn.Module):
    def __init__(self, tokens, size, layers=2, dropout=0.1):
        super().__init__()
        self.layers, self.size = layers, size
        self.encoder = nn.Embedding(tokens, size)
        self.rnn = nn.LSTM(size, size, layers, dropout=dropout)
        self.drop = nn.Dropout(dropout)
        self.decoder = nn.Linear(size, tokens)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.2, 0.2)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens, state):
        output, state = self.rnn(self.drop(self.encoder(tokens)), state)
        return self.decoder(self.drop(output)).flatten(0, 1), state

    def begin(self, batch):
        weight = next(self.parameters())
        return tuple(weight.new_zeros(self.layers, batch, self.size) for _ in range(2))


source = batchify(ids, 8)
model = LanguageModel(len(vocabulary), 24)
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
history = []
for epoch in range(8):
    state = model.begin(8)
    total, steps = 0.0, 0
    for start in range(0, len(source) - 1, 10):
        length = min(10, len(source) - 1 - start)
        target = source[start + 1 : start + 1 + length].view(-1)
        state = tuple(s.detach() for s in state)
        optimizer.zero_grad()
        output, state = model(source[start : start + length], state)
        loss = criterion(output, target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total, steps = total + loss.item(), steps + 1
    history.append(total / steps)
    print(f"| epoch {epoch:2d} | loss {history[-1]:5.3f} | ppl {math.exp(history[-1]):7.2f}")
before, after = history[0], history[-1]

model.eval()
state, token = model.begin(1), torch.tensor([[index_of["the"]]])
said = []
with torch.no_grad():
    for _ in range(8):
        output, state = model(token, state)
        token = output.squeeze(0).softmax(-1).argmax().view(1, 1)
        said.append(vocabulary[token.item()])
print("the", *said)
print({name: tuple(value.shape) for name, value in model.state_dict().items()})
