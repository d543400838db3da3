"""BigGAN as BigGAN-PyTorch's users train it on CIFAR-10: 4 updates of the discriminator, one of the generator, the average."""

import contextlib
import copy
import os

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 10
LATENT = 128
BATCH = 50


class Spectral(nn.Module):
    """A weight over its largest singular value, which one power iteration a forward follows (Miyato et al. 2018)."""

    def __init__(self, outputs: int):
        super().__init__()
        self.register_buffer("u", torch.randn(1, outputs))
        self.register_buffer("value", torch.ones(1))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        matrix = weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(self.u @ matrix, eps=1e-8)
            u = F.normalize(v @ matrix.t(), eps=1e-8)
        sigma = (v @ matrix.t() @ u.t()).squeeze()
        if self.training:
            with torch.no_grad():
                self.u.copy_(u)
                self.value.copy_(sigma)
        return weight / sigma


class Conv(nn.Conv2d):
    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.spectral = Spectral(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.spectral(self.weight), self.bias, padding=self.padding)


class Linear(nn.Linear):
    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        self.spectral = Spectral(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.spectral(self.weight), self.bias)


class Embedding(nn.Embedding):
    def __init__(self, count: int, length: int):
        super().__init__(count, length)
        self.spectral = Spectral(count)

    def forward(self, labels: torch.Tensor) -> torch.Tensor:
        return F.embedding(labels, self.spectral(self.weight))


class ConditionalNorm(nn.Module):
    """Batch normalisation with a gain, from 1, and a bias for each class."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain, self.bias = nn.Embedding(CLASSES, channels), nn.Embedding(CLASSES, channels)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        gain, bias = (table(labels)[:, :, None, None] for table in (self.gain, self.bias))
        out = F.batch_norm(x, self.mean, self.var, None, None, self.training, 0.1, 1e-5)
        return out * (1 + gain) + bias


class GeneratorBlock(nn.Module):
    """To twice the size (Brock et al. 2019, figure 15a)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(width), ConditionalNorm(width)
        self.conv1, self.conv2, self.shortcut = Conv(width, width, 3), Conv(width, width, 3), Conv(width, width, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.interpolate(F.relu(self.norm1(x, labels)), scale_factor=2))
        h = self.conv2(F.relu(self.norm2(h, labels)))
        return h + self.shortcut(F.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    """Latents [N, 128] and classes [N] to images of 32x32."""

    def __init__(self, width: int = 256):
        super().__init__()
        self.linear = Linear(LATENT, 4 * 4 * width)
        self.blocks = nn.ModuleList(GeneratorBlock(width) for _ in range(3))
        self.norm, self.image = nn.BatchNorm2d(width), Conv(width, 3, 3)

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        h = self.linear(noise).view(len(noise), -1, 4, 4)
        for block in self.blocks:
            h = block(h, labels)
        return torch.tanh(self.image(F.relu(self.norm(h))))


class DiscriminatorBlock(nn.Module):
    """To half the size or the same one (figure 15b); the first has no activation in front and halves before its 1x1."""

    def __init__(self, inputs: int, outputs: int, halves: bool, first: bool):
        super().__init__()
        self.conv1, self.conv2 = Conv(inputs, outputs, 3), Conv(outputs, outputs, 3)
        self.shortcut = Conv(inputs, outputs, 1) if halves or inputs != outputs else nn.Identity()
        self.halved = nn.AvgPool2d(2) if halves else nn.Identity()
        self.first = first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(x if self.first else F.relu(x))
        h = self.halved(self.conv2(F.relu(h)))
        return h + (self.shortcut(self.halved(x)) if self.first else self.halved(self.shortcut(x)))


class Discriminator(nn.Module):
    """Images and classes to logits [N, 1]."""

    def __init__(self, width: int = 256):
        super().__init__()
        self.blocks = nn.Sequential(
            DiscriminatorBlock(3, width, halves=True, first=True),
            DiscriminatorBlock(width, width, halves=True, first=False),
            DiscriminatorBlock(width, width, halves=False, first=False),
            DiscriminatorBlock(width, width, halves=False, first=False),
        )
        self.linear, self.embed = Linear(width, 1), Embedding(CLASSES, width)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.blocks(images)).sum([2, 3])
        return self.linear(h) + (self.embed(labels) * h).sum(1, keepdim=True)


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)


def draw() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(BATCH, LATENT), torch.randint(0, CLASSES, (BATCH,))


class BigGan:
    """The hinge loss, fakes and reals in one batch, the generator on latents of its own, every number averaged."""

    DECAY = 0.9999

    def __init__(self, mode: str):
        self.netG, self.netD = Generator().apply(initialise), Discriminator().apply(initialise)
        self.average = copy.deepcopy(self.netG)
        self.followed = list(zip(self.average.state_dict().values(), self.netG.state_dict().values()))
        self.optimizerG = torch.optim.Adam(self.netG.parameters(), lr=2e-4, betas=(0.0, 0.999))
        self.optimizerD = torch.optim.Adam(self.netD.parameters(), lr=2e-4, betas=(0.0, 0.999))
        self.reals = [(torch.rand(BATCH, 3, 32, 32) * 2 - 1, torch.randint(0, CLASSES, (BATCH,))) for _ in range(8)]
        self.updates, self.sink = 0, open(os.devnull, "w")
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.netG, self.netD = torch.compile(self.netG), torch.compile(self.netD)

    def learns(self, generator: bool) -> None:
        for network, learns in ((self.netG, generator), (self.netD, not generator)):
            for parameter in network.parameters():
                parameter.requires_grad_(learns)

    def iteration(self) -> None:
        self.learns(generator=False)
        for _ in range(4):
            real, labels = self.reals[self.updates % len(self.reals)]
            self.updates += 1
            self.optimizerD.zero_grad()
            noise, asked = draw()
            with self.autocast():
                with torch.no_grad():
                    fake = self.netG(noise, asked)
                output = self.netD(torch.cat([fake, real]), torch.cat([asked, labels]))
                of_fakes, of_reals = output.split(BATCH)
                errD_real, errD_fake = F.relu(1 - of_reals).mean(), F.relu(1 + of_fakes).mean()
                errD = errD_real + errD_fake
            errD.backward()
            self.optimizerD.step()

        self.learns(generator=True)
        self.optimizerG.zero_grad()
        noise, asked = draw()
        with self.autocast():
            errG = -self.netD(self.netG(noise, asked), asked).mean()
        errG.backward()
        self.optimizerG.step()
        with torch.no_grad():
            for average, weight in self.followed:
                average.copy_(average * self.DECAY + weight * (1 - self.DECAY))
        losses = f"Loss_D: {errD_real.item():.4f} + {errD_fake.item():.4f} Loss_G: {errG.item():.4f}"
        print(f"[{self.updates // 4}] {losses}", file=self.sink)


class Sampling:
    """1,000 images of that generator in bytes."""

    def __init__(self, mode: str):
        self.net = Generator().apply(initialise).eval()
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.net = torch.compile(self.net)

    def iteration(self) -> None:
        for _ in range(1000 // BATCH):
            with torch.no_grad(), self.autocast():
                images = self.net(*draw())
            ((images.float() + 1) * 127.5).to(torch.uint8).cpu().numpy()
