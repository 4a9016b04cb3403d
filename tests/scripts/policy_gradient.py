"""REINFORCE with a baseline: an agent in a corridor learns to walk to its right end."""

import sangja as torch
import sangja.nn as nn
import sangja.nn.functional as F

torch.manual_seed(9)
CELLS, STEPS = 5, 10


class Corridor:
    """Begin in the middle; 1 for the right end, −1 for the left, −0.1 for every step."""

    def reset(self):
        self.place, self.time = CELLS // 2, 0
        return self.observe()

    def observe(self):
        return F.one_hot(torch.tensor(self.place), CELLS).float()

    def step(self, action):
        self.place += 1 if action == 1 else -1
        self.time += 1
        done = self.place in (0, CELLS - 1) or self.time == STEPS
        reward = {0: -1.0, CELLS - 1: 1.0}.get(self.place, -0.1)
        return self.observe(), reward, done


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(CELLS, 16)
        self.actor, self.critic = nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, x):
        x = torch.relu(self.body(x))
        return F.softmax(self.actor(x), dim=-1), self.critic(x)


environment, model = Corridor(), ActorCritic()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
totals = []
for episode in range(120):
    observation, done = environment.reset(), False
    logs, values, rewards = [], [], []
    while not done:
        probabilities, value = model(observation)
        action = torch.multinomial(probabilities, 1)
        logs.append(torch.log(probabilities.gather(0, action)))
        values.append(value)
        observation, reward, done = environment.step(action.item())
        rewards.append(reward)
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + 0.95 * total
        returns.insert(0, total)
    returns, values = torch.tensor(returns), torch.cat(values)
    advantage = returns - values.detach()
    loss = -(torch.cat(logs) * advantage).sum() + F.smooth_l1_loss(values, returns)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    totals.append(sum(rewards))
    if episode % 30 == 0:
        print(f"episode {episode}: {len(rewards)} steps, return {totals[-1]:.2f}")
before, after = 2 - sum(totals[:20]) / 20, 2 - sum(totals[-20:]) / 20
print("right", (model(environment.reset())[0][1] > 0.5).item())
