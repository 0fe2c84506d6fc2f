"""Use a spiking network as a layer of a torch model, and train both by a loop of one's own."""

import torch
from torch import nn

import brianbridge as bb

torch.manual_seed(1)
lif = bb.neuron_model("lif")
network = bb.SpikingNetwork.sequential(
    (16,), [bb.Dense(32, lif), bb.Dense(10, lif)], encoding=bb.Bernoulli(20), weight_gain=4.0
)
model = nn.Sequential(nn.Linear(64, 16), nn.Sigmoid(), bb.to_torch(network))

train, test = bb.load_dataset("digits", seed=1)
x, y = torch.tensor(train.flat), torch.tensor(train.y)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _epoch in range(5):
    for part in torch.randperm(len(x)).split(64):
        loss = nn.functional.cross_entropy(model(x[part]), y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    features = model[:2](torch.tensor(test.flat))
print(bb.verify(bb.write_back(model[2]), (features, test.y), "short"))
