"""CycleGAN as its users train it: a step of both generators, then of both discriminators, one image of each domain."""

import contextlib
import os
import random

import torch
from torch import nn


def normalised(layer: nn.Module, channels: int, activation: nn.Module) -> list[nn.Module]:
    return [layer, nn.InstanceNorm2d(channels), activation]


class Block(nn.Module):
    """Two convolutions and what went in."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), *normalised(nn.Conv2d(width, width, 3), width, nn.ReLU(True)),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def resnet(width: int, blocks: int) -> nn.Sequential:
    layers = [nn.ReflectionPad2d(3), *normalised(nn.Conv2d(3, width, 7), width, nn.ReLU(True))]
    for before in (width, 2 * width):
        layers += normalised(nn.Conv2d(before, 2 * before, 3, 2, 1), 2 * before, nn.ReLU(True))
    layers += [Block(4 * width) for _ in range(blocks)]
    for before in (4 * width, 2 * width):
        up = nn.ConvTranspose2d(before, before // 2, 3, 2, 1, output_padding=1)
        layers += normalised(up, before // 2, nn.ReLU(True))
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def patches(width: int) -> nn.Sequential:
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        layers += normalised(nn.Conv2d(before, 2 * before, 4, stride, 1), 2 * before, nn.LeakyReLU(0.2, True))
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        nn.init.zeros_(module.bias)


class Pool:
    """50 earlier fakes."""

    def __init__(self):
        self.images = []

    def exchange(self, fake: torch.Tensor) -> torch.Tensor:
        if len(self.images) < 50:
            self.images.append(fake)
            return fake
        if random.random() > 0.5:
            place = random.randrange(50)
            old, self.images[place] = self.images[place], fake.clone()
            return old
        return fake


class CycleGan:
    """ResNet with 6 blocks, 128x128, batch 1, identity loss, least squares."""

    def __init__(self, mode: str, width: int = 32, size: int = 128):
        self.there, self.back = (resnet(width, 6).apply(initialise) for _ in range(2))
        self.judge_b, self.judge_a = (patches(64).apply(initialise) for _ in range(2))
        self.generators = [*self.there.parameters(), *self.back.parameters()]
        self.discriminators = [*self.judge_a.parameters(), *self.judge_b.parameters()]
        self.optimizerG = torch.optim.Adam(self.generators, lr=2e-4, betas=(0.5, 0.999))
        self.optimizerD = torch.optim.Adam(self.discriminators, lr=2e-4, betas=(0.5, 0.999))
        self.pool_a, self.pool_b = Pool(), Pool()
        self.reals = [[torch.rand(1, 3, size, size) * 2 - 1 for _ in range(2)] for _ in range(8)]
        self.iterations, self.sink = 0, open(os.devnull, "w")
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.there, self.back = torch.compile(self.there), torch.compile(self.back)
            self.judge_a, self.judge_b = torch.compile(self.judge_a), torch.compile(self.judge_b)

    @staticmethod
    def says(logits: torch.Tensor, answer: float) -> torch.Tensor:
        return nn.functional.mse_loss(logits, torch.full_like(logits, answer))

    def iteration(self) -> None:
        a, b = self.reals[self.iterations % len(self.reals)]
        self.iterations += 1
        l1 = nn.functional.l1_loss

        for parameter in self.discriminators:
            parameter.requires_grad_(False)
        self.optimizerG.zero_grad()
        with self.autocast():
            fake_b, fake_a = self.there(a), self.back(b)
            back_a, back_b = self.back(fake_b), self.there(fake_a)
            stays = l1(self.there(b), b) * 5 + l1(self.back(a), a) * 5
            fools = self.says(self.judge_b(fake_b), 1.0) + self.says(self.judge_a(fake_a), 1.0)
            returns = l1(back_a, a) * 10 + l1(back_b, b) * 10
            errG = fools + returns + stays
        errG.backward()
        self.optimizerG.step()

        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.optimizerD.zero_grad()
        errD = 0.0
        for judge, real, fake in (
            (self.judge_b, b, self.pool_b.exchange(fake_b.detach())),
            (self.judge_a, a, self.pool_a.exchange(fake_a.detach())),
        ):
            with self.autocast():
                loss = (self.says(judge(real), 1.0) + self.says(judge(fake), 0.0)) * 0.5
            loss.backward()
            errD += loss.item()
        self.optimizerD.step()
        print(f"[{self.iterations}] Loss_D: {errD:.4f} Loss_G: {errG.item():.4f}", file=self.sink)


class Translation:
    """That generator on an image of 1024x1024."""

    def __init__(self, mode: str):
        self.net = resnet(64, 9).apply(initialise).eval()
        self.image = torch.rand(1, 3, 1024, 1024) * 2 - 1
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.net = torch.compile(self.net)

    def iteration(self) -> None:
        with torch.no_grad(), self.autocast():
            self.net(self.image)
