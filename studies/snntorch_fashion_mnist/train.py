"""Train a network in snnTorch, as its tutorials do. Nothing here knows of brianbridge.

    python studies/snntorch_fashion_mnist/train.py [--data FOLDER] [--epochs 5] [--out network]

Writes network.pt, the state dict, and network.nir. FOLDER has the four files of Fashion-MNIST, by
default that of Debian's package dataset-fashion-mnist.
"""

import argparse
import gzip
from pathlib import Path

import nir
import numpy as np
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NUM_STEPS = 25
BETA = 0.95


class Net(nn.Module):
    """784-256-10 leaky neurons; returns spikes and membranes of the output over time."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 256)
        self.lif1 = snn.Leaky(beta=BETA)
        self.fc2 = nn.Linear(256, 10)
        self.lif2 = snn.Leaky(beta=BETA)

    def forward(self, x):
        """Show each image for all steps."""
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for _ in range(NUM_STEPS):
            cur1 = self.fc1(x.flatten(1))
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = self.fc2(spk1)
            spk2, mem2 = self.lif2(cur2, mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack(spk2_rec), torch.stack(mem2_rec)


def read_idx(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(folder, part):
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)
    x = torch.tensor(images / 255, dtype=torch.float32)
    return TensorDataset(x, torch.tensor(labels, dtype=torch.long))


def accuracy(net, loader):
    right = total = 0
    with torch.no_grad():
        for data, targets in loader:
            spk_rec, _ = net(data)
            right += (spk_rec.sum(0).argmax(1) == targets).sum().item()
            total += len(targets)
    return right / total


def export(net, path):
    # The exporter wants a Sequential, and one beta for each neuron.
    lif1, lif2 = (
        snn.Leaky(beta=torch.full((n,), BETA), threshold=torch.ones(n), init_hidden=True)
        for n in (256, 10)
    )
    layers = nn.Sequential(net.fc1, lif1, net.fc2, lif2)
    nir.write(path, export_to_nir(layers, torch.zeros(1, 784), ignore_dims=[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("network"))
    args = parser.parse_args()

    torch.manual_seed(0)
    train = DataLoader(load(args.data, "train"), batch_size=128, shuffle=True, drop_last=True)
    test = DataLoader(load(args.data, "t10k"), batch_size=1000)
    net = Net()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.9, 0.999))
    for epoch in range(args.epochs):
        for data, targets in train:
            _, mem_rec = net(data)
            loss = sum(loss_fn(mem, targets) for mem in mem_rec)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: test accuracy {accuracy(net, test):.2%}", flush=True)

    torch.save(net.state_dict(), args.out.with_suffix(".pt"))
    export(net, args.out.with_suffix(".nir"))


if __name__ == "__main__":
    main()
