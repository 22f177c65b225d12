"""The article's network in PyTorch, the way most tutorials write it; `speed.py` starts it with PyTorch's interpreter.

    python article_torch.py IMAGES.npy THREADS

For each line on standard input, a number of seconds, it trains that long and prints the steps per second.
"""

import sys
import time

import numpy as np
import torch
from torch import nn

LATENT, HIDDEN, PIXELS, BATCH = 100, 256, 784, 64


class Trainer:
    """Generator 100-256-784, discriminator 784-256-1, an Adam for each, and the digits in memory."""

    def __init__(self, images: np.ndarray):
        pixels = torch.from_numpy(images.reshape(len(images), PIXELS).astype(np.float32))
        self.images = pixels / 127.5 - 1.0
        self.order = torch.randperm(len(images))
        self.place = 0
        self.generator = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS), nn.Tanh())
        self.discriminator = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1))
        self.loss = nn.BCEWithLogitsLoss()
        rates = {"lr": 2e-4, "betas": (0.5, 0.999)}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), **rates)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), **rates)

    def next_batch(self) -> torch.Tensor:
        """The next images of a shuffled epoch."""
        if self.place + BATCH > len(self.images):
            self.order, self.place = torch.randperm(len(self.images)), 0
        chosen = self.order[self.place:self.place + BATCH]
        self.place += BATCH
        return self.images[chosen]

    def step(self) -> None:
        """A step of the discriminator on real and detached fake images, then one of the generator."""
        real, ones, zeros = self.next_batch(), torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
        fake = self.generator(torch.randn(BATCH, LATENT))

        self.discriminator_optimizer.zero_grad()
        discriminator_loss = self.loss(self.discriminator(real), ones)
        discriminator_loss += self.loss(self.discriminator(fake.detach()), zeros)
        discriminator_loss.backward()
        self.discriminator_optimizer.step()

        self.generator_optimizer.zero_grad()
        self.loss(self.discriminator(fake), ones).backward()
        self.generator_optimizer.step()

    def speed(self, seconds: float) -> float:
        """Steps per second over that time."""
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            self.step()
            steps += 1
        return steps / (time.perf_counter() - began)


def main() -> None:
    torch.set_num_threads(int(sys.argv[2]))
    trainer = Trainer(np.load(sys.argv[1]))
    trainer.speed(1.0)
    print("ready", flush=True)
    for line in sys.stdin:
        print(trainer.speed(float(line)), flush=True)


if __name__ == "__main__":
    main()
