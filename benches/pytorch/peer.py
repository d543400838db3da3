#!/usr/bin/env python3
"""PyTorch's side of the benchmarks: training loops as its users write them, driven line by line.

    peer.py CASE [--mode eager|compile|bf16] [--threads 2] [--device cpu] [--data FOLDER] [--workers N]

Cases
    dcgan-64-f32    DCGAN as in PyTorch's own example: 64x64x3, latent 100, widths 64, batch 64
    dcgan-64-bf16   the same, made to be run with --mode bf16 (its default) beside --mode eager
    dcgan-32-f32    one stage fewer: 32x32x1, batch 128
    dcgan-32-r1     the same without batch normalisation in the discriminator, with R1 (gamma 1) in every update
    dcgan-32-wgan-gp  those networks with the Wasserstein loss and its gradient penalty (lambda 10)
    cgan-32-f32     those networks, told one of 10 classes: conditional batch norm, a projection discriminator
    cgan-mlp        fully connected, with PyTorch-GAN's sizes, order and losses: 32x32x1, batch 64
    biggan-32-f32   BigGAN with BigGAN-PyTorch's settings for CIFAR-10: 32x32x3, width 64, batch 50, 4 updates and 1
    biggan-32-bf16  the same, made to be run with --mode bf16 (its default) beside --mode eager
    biggan-sample   1,000 images of its generator in evaluation mode, 50 at a time
    stylegan-32-f32  StyleGAN2 in stylegan2-ada-pytorch's form: 32x32x3, batch 16; regularisers in step 0 alone
    stylegan-32-bf16  the same, made to be run with --mode bf16 (its default) beside --mode eager
    stylegan-32-f32-regs  R1 and path lengths in every step, for amortised time (see stylegan.py); stylegan-32-bf16-regs
    stylegan-32-f32-ada  the plain case with the augmentations bgc at a probability of 0.5
    stylegan-64-f32  64x64x3, residual discriminator, 8 mapping layers; regularisers in step 0 alone
    stylegan-64-bf16  the same, made to be run with --mode bf16 (its default) beside --mode eager
    stylegan-sample  256 images of its generator in evaluation mode, 16 at a time
    cyclegan-128-f32  CycleGAN in the original's form: 6 residual blocks, 128x128x3, generators 32 wide, batch 1
    cyclegan-128-bf16  the same, made to be run with --mode bf16 (its default) beside --mode eager
    translate-1024  an image of 1024x1024 through its generator with 9 blocks, 64 wide; translate-1024-tiled beside the same
    inception       pytorch-fid's Inception-v3 on 32 pictures of 299x299; inception-bf16 beside the same
    fid             pytorch-fid's mean, covariance and distance of 10,000 features of 2,048 against as many
    kid             torch-fidelity's KID of those, 100 subsets of 1,000
    prdc            the prdc package's precision, recall, density and coverage of those, 5 neighbours
    loader          torchvision's ImageFolder over 2,000 PNGs of 64x64 in --data (made there if missing), batch 64

Modes: `eager` is PyTorch as it comes, `compile` wraps both networks in torch.compile, `bf16` runs the
forward passes under autocast. torch.compile has no second derivatives: penalties never run in it.

It reads commands from standard input and answers each with one line of JSON:
    hello    {"name": ..., "version": ..., "threads": ...}
    run K    K iterations: {"seconds": [K numbers], "peak_mb": ...}
    quit

Whoever asks warms up first: the first iterations allocate, and with `compile` they compile.
Workers of a loader run ahead, so that one batch costs nothing and the next twice its time: there, all
K numbers are the mean, and what was loaded ahead while nobody asked is drawn before the clock starts.
A GPU works behind the program's back: there too they are the mean, of what it had done in the end.
The reals are the same few random batches in memory, over and over, so that nothing but training is timed.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

if sys.platform == "linux":
    # A CUDA build of PyTorch starts without CUDA's libraries if their functions are bound when called.
    sys.setdlopenflags(os.RTLD_LAZY)

import torch
from torch import nn

import biggan
import stylegan
import translation

LATENT = 100
PHOTOS = 2000


def generator(channels: int, widths: list[int]) -> nn.Sequential:
    """Latent [N, 100, 1, 1] to images [N, channels, S, S]; S doubles from 4 with every width."""
    layers = [nn.ConvTranspose2d(LATENT, widths[0], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)]
    for before, after in zip(widths, widths[1:]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(channels: int, widths: list[int]) -> nn.Sequential:
    """Images to the probability [N] that each is real."""
    layers = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0))


def critic(channels: int, widths: list[int]) -> nn.Sequential:
    """The same for gradient penalties: images to logits [N], each of one image alone; biases, no normalisation."""
    layers = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0), nn.Flatten(0))


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Dcgan:
    """One DCGAN and what its users do in an iteration, the printed line included."""

    discriminator = staticmethod(discriminator)

    def __init__(self, size: int, channels: int, batch: int, mode: str):
        widths = [64 * 2**stage for stage in range(size.bit_length() - 3)]
        self.netG = generator(channels, widths[::-1]).apply(initialise)
        self.netD = self.discriminator(channels, widths).apply(initialise)
        self.optimizerG = torch.optim.Adam(self.netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizerD = torch.optim.Adam(self.netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.criterion = nn.BCELoss()
        self.batch = batch
        self.reals = [torch.rand(batch, channels, size, size) * 2 - 1 for _ in range(8)]
        self.iterations = 0
        self.sink = open(os.devnull, "w")
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.netG, self.netD = torch.compile(self.netG), torch.compile(self.netD)

    def next_real(self) -> torch.Tensor:
        self.iterations += 1
        return self.reals[(self.iterations - 1) % len(self.reals)]

    def iteration(self) -> None:
        real = self.next_real()

        # The discriminator: reals, then fakes, a backward pass each.
        self.netD.zero_grad()
        label = torch.full((self.batch,), 1.0)
        with self.autocast():
            output = self.netD(real)
        errD_real = self.criterion(output.float(), label)
        errD_real.backward()
        D_x = output.mean().item()

        noise = torch.randn(self.batch, LATENT, 1, 1)
        label.fill_(0.0)
        with self.autocast():
            fake = self.netG(noise)
            output = self.netD(fake.detach())
        errD_fake = self.criterion(output.float(), label)
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        errD = errD_real + errD_fake
        self.optimizerD.step()

        # The generator, which wants its fakes to be called real.
        self.netG.zero_grad()
        label.fill_(1.0)
        with self.autocast():
            output = self.netD(fake)
        errG = self.criterion(output.float(), label)
        errG.backward()
        D_G_z2 = output.mean().item()
        self.optimizerG.step()
        self.log(errD, errG, f"D(x): {D_x:.4f} D(G(z)): {D_G_z1:.4f} / {D_G_z2:.4f}")

    def log(self, errD: torch.Tensor, errG: torch.Tensor, rest: str) -> None:
        print(f"[{self.iterations}] Loss_D: {errD.item():.4f} Loss_G: {errG.item():.4f} {rest}", file=self.sink)


class R1(Dcgan):
    """Non-saturating losses with R1 (Mescheder et al. 2018, equation 9): gamma/2 E |grad D(x)|^2 on reals."""

    discriminator = staticmethod(critic)
    GAMMA = 1.0

    def iteration(self) -> None:
        real = self.next_real().detach().requires_grad_()
        criterion = nn.functional.binary_cross_entropy_with_logits

        self.netD.zero_grad()
        output = self.netD(real)
        errD_real = criterion(output, torch.ones_like(output))
        (gradient,) = torch.autograd.grad(output.sum(), real, create_graph=True)
        penalty = self.GAMMA / 2 * gradient.square().sum([1, 2, 3]).mean()
        (errD_real + penalty).backward()

        fake = self.netG(torch.randn(self.batch, LATENT, 1, 1))
        output = self.netD(fake.detach())
        errD_fake = criterion(output, torch.zeros_like(output))
        errD_fake.backward()
        self.optimizerD.step()

        self.netG.zero_grad()
        output = self.netD(fake)
        errG = criterion(output, torch.ones_like(output))
        errG.backward()
        self.optimizerG.step()
        self.log(errD_real + errD_fake, errG, f"R1: {penalty.item():.4f}")


class WganGp(Dcgan):
    """WGAN-GP (Gulrajani et al. 2017, algorithm 1): lambda E (|grad D(x^)| - 1)^2; one critic update a step."""

    discriminator = staticmethod(critic)
    LAMBDA = 10.0

    def iteration(self) -> None:
        real = self.next_real()

        self.netD.zero_grad()
        fake = self.netG(torch.randn(self.batch, LATENT, 1, 1))
        errD = self.netD(fake.detach()).mean() - self.netD(real).mean()
        penalty = self.LAMBDA * self.penalty(real, fake.detach())
        (errD + penalty).backward()
        self.optimizerD.step()

        self.netG.zero_grad()
        errG = -self.netD(fake).mean()
        errG.backward()
        self.optimizerG.step()
        self.log(errD, errG, f"GP: {penalty.item():.4f}")

    def penalty(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        epsilon = torch.rand(real.size(0), 1, 1, 1)
        between = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.netD(between).sum(), between, create_graph=True)
        return (gradient.flatten(1).norm(2, dim=1) - 1).square().mean()


CLASSES = 10


class ConditionalNorm(nn.Module):
    """Batch normalisation whose gain and bias are those of a class (de Vries et al. 2017)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = nn.Embedding(CLASSES, channels), nn.Embedding(CLASSES, channels)
        nn.init.normal_(self.gain.weight, 1.0, 0.02)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.norm(x) * self.gain(labels)[:, :, None, None] + self.bias(labels)[:, :, None, None]


class ConditionalGenerator(nn.Module):
    """Latent [N, 100] and classes [N] to images."""

    def __init__(self, channels: int, widths: list[int]):
        super().__init__()
        self.label = nn.Embedding(CLASSES, CLASSES)
        sizes = [LATENT + CLASSES, *widths]
        steps = [(4, 1, 0)] + [(4, 2, 1)] * (len(widths) - 1)
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(before, after, *step, bias=False) for before, after, step in zip(sizes, widths, steps)
        )
        self.norms = nn.ModuleList(ConditionalNorm(width) for width in widths)
        self.last = nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False)

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.label(labels), noise], 1)[:, :, None, None]
        for conv, norm in zip(self.convs, self.norms):
            x = torch.relu(norm(conv(x), labels))
        return torch.tanh(self.last(x))


class ProjectionDiscriminator(nn.Module):
    """Images and classes to logits [N] (Miyato & Koyama 2018)."""

    def __init__(self, channels: int, widths: list[int]):
        super().__init__()
        self.features = discriminator(channels, widths)[:-3]
        self.last = nn.Linear(16 * widths[-1], 1)
        self.projection = nn.Embedding(CLASSES, widths[-1])

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = self.features(images)
        return self.last(x.flatten(1)).squeeze(1) + (self.projection(labels) * x.sum([2, 3])).sum(1)


class Cgan(Dcgan):
    """A conditional GAN of convolutions."""

    def __init__(self, size: int, channels: int, batch: int, mode: str):
        super().__init__(size, channels, batch, "eager")
        widths = [64 * 2**stage for stage in range(size.bit_length() - 3)]
        self.netG = ConditionalGenerator(channels, widths[::-1]).apply(initialise)
        self.netD = ProjectionDiscriminator(channels, widths).apply(initialise)
        self.optimizerG = torch.optim.Adam(self.netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizerD = torch.optim.Adam(self.netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.labels = [torch.randint(0, CLASSES, (batch,)) for _ in range(8)]
        if mode == "compile":
            self.netG, self.netD = torch.compile(self.netG), torch.compile(self.netD)

    def iteration(self) -> None:
        real, labels = self.next_real(), self.labels[self.iterations % len(self.labels)]
        criterion = nn.functional.binary_cross_entropy_with_logits

        self.netD.zero_grad()
        output = self.netD(real, labels)
        errD_real = criterion(output, torch.ones_like(output))
        errD_real.backward()

        asked = torch.randint(0, CLASSES, (self.batch,))
        fake = self.netG(torch.randn(self.batch, LATENT), asked)
        output = self.netD(fake.detach(), asked)
        errD_fake = criterion(output, torch.zeros_like(output))
        errD_fake.backward()
        self.optimizerD.step()

        self.netG.zero_grad()
        output = self.netD(fake, asked)
        errG = criterion(output, torch.ones_like(output))
        errG.backward()
        self.optimizerG.step()
        self.log(errD_real + errD_fake, errG, "")


class MlpGenerator(nn.Module):
    def __init__(self, values: int):
        super().__init__()
        self.label = nn.Embedding(CLASSES, CLASSES)
        layers = [nn.Linear(LATENT + CLASSES, 128), nn.LeakyReLU(0.2, inplace=True)]
        for before, after in ((128, 256), (256, 512), (512, 1024)):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(1024, values), nn.Tanh())

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([self.label(labels), noise], 1)).view(len(noise), 1, 32, 32)


class MlpDiscriminator(nn.Module):
    def __init__(self, values: int):
        super().__init__()
        self.label = nn.Embedding(CLASSES, CLASSES)
        layers = [nn.Linear(CLASSES + values, 512), nn.LeakyReLU(0.2, inplace=True)]
        for _ in range(2):
            layers += [nn.Linear(512, 512), nn.Dropout(0.4), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Linear(512, 1))

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([images.flatten(1), self.label(labels)], 1))


class MlpCgan(Cgan):
    """The same of fully connected layers: squared losses, the generator first."""

    def __init__(self, size: int, channels: int, batch: int, mode: str):
        super().__init__(size, channels, batch, "eager")
        self.netG, self.netD = MlpGenerator(size * size), MlpDiscriminator(size * size)
        if mode == "compile":
            self.netG, self.netD = torch.compile(self.netG), torch.compile(self.netD)
        self.optimizerG = torch.optim.Adam(self.netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizerD = torch.optim.Adam(self.netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.criterion = nn.MSELoss()

    def iteration(self) -> None:
        real, labels = self.next_real(), self.labels[self.iterations % len(self.labels)]
        valid, fake = torch.ones(self.batch, 1), torch.zeros(self.batch, 1)

        self.optimizerG.zero_grad()
        asked = torch.randint(0, CLASSES, (self.batch,))
        images = self.netG(torch.randn(self.batch, LATENT), asked)
        errG = self.criterion(self.netD(images, asked), valid)
        errG.backward()
        self.optimizerG.step()

        self.optimizerD.zero_grad()
        errD_real = self.criterion(self.netD(real, labels), valid)
        errD_fake = self.criterion(self.netD(images.detach(), asked), fake)
        errD = (errD_real + errD_fake) / 2
        errD.backward()
        self.optimizerD.step()
        self.log(errD, errG, "")


class Inception:
    """Features as pytorch-fid takes them, of random weights: those of 2015 are 91 MB to download."""

    def __init__(self):
        from pytorch_fid import inception

        random = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None).state_dict()
        inception.load_state_dict_from_url = lambda *_, **__: random
        self.net = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
        self.pictures = torch.randint(0, 256, (32, 3, 299, 299), dtype=torch.uint8)

    def iteration(self) -> None:
        with torch.no_grad():
            self.net(self.pictures.float() / 255)[0].squeeze(3).squeeze(2).cpu().numpy()


class Score:
    """A score of 10,000 features of 2,048 against as many."""

    def __init__(self, name: str):
        import numpy

        random = numpy.random.default_rng(1)
        self.fake, self.real = (abs(random.standard_normal((10_000, 2_048), dtype=numpy.float32)) for _ in range(2))
        self.iteration = getattr(self, name)

    def fid(self) -> None:
        import numpy
        from pytorch_fid.fid_score import calculate_frechet_distance

        means = [numpy.mean(side, axis=0) for side in (self.fake, self.real)]
        covariances = [numpy.cov(side, rowvar=False) for side in (self.fake, self.real)]
        calculate_frechet_distance(means[0], covariances[0], means[1], covariances[1])

    def kid(self) -> None:
        from torch_fidelity.metric_kid import kid_features_to_metric

        kid_features_to_metric(torch.from_numpy(self.fake), torch.from_numpy(self.real), verbose=False)

    def prdc(self) -> None:
        from prdc import compute_prdc

        with contextlib.redirect_stdout(sys.stderr):
            compute_prdc(self.real, self.fake, nearest_k=5)


class Loader:
    """Batches of a folder of pictures, epoch after epoch."""

    def __init__(self, folder: Path, workers: int):
        from torchvision import datasets, transforms

        make_photos(folder)
        half = (0.5, 0.5, 0.5)
        steps = [
            transforms.Resize(64),
            transforms.CenterCrop(64),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(half, half),
        ]
        dataset = datasets.ImageFolder(str(folder), transform=transforms.Compose(steps))
        self.loader = torch.utils.data.DataLoader(
            dataset, batch_size=64, shuffle=True, num_workers=workers, drop_last=True
        )
        self.batches = iter(self.loader)
        self.ahead = workers * (self.loader.prefetch_factor or 0)

    def iteration(self) -> None:
        images = next(self.batches, None)
        if images is None:
            self.batches = iter(self.loader)
            images = next(self.batches)
        if images[0].shape != (64, 3, 64, 64):
            sys.exit(f"peer.py: the loader gave a batch of shape {tuple(images[0].shape)}")


def make_photos(folder: Path) -> None:
    """Fills FOLDER/photos with pictures that compress like photographs: soft shapes, texture, some noise."""
    import numpy
    from PIL import Image

    target = folder / "photos"
    target.mkdir(parents=True, exist_ok=True)
    if len(list(target.glob("*.png"))) >= PHOTOS:
        return
    random = numpy.random.default_rng(0)
    for index in range(PHOTOS):
        photo = numpy.zeros((64, 64, 3))
        for side, weight in ((2, 90.0), (4, 60.0), (8, 35.0), (16, 18.0), (32, 9.0)):
            octave = (random.random((side, side, 3)) * 255).astype("uint8")
            smooth = Image.fromarray(octave).resize((64, 64), Image.Resampling.BICUBIC)
            photo += (numpy.asarray(smooth, dtype="float64") / 255 - 0.5) * weight * 2
        photo += 128 + random.normal(0.0, 3.0, photo.shape)
        aside = target / f"{index:05}.tmp"
        Image.fromarray(photo.clip(0, 255).astype("uint8")).save(aside, format="PNG")
        aside.replace(target / f"{index:05}.png")


def peak_mb() -> float:
    """The most memory this process has held, its workers apart, in MB of 2**20 bytes."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    small = {"dcgan-32-f32": Dcgan, "dcgan-32-r1": R1, "dcgan-32-wgan-gp": WganGp, "cgan-32-f32": Cgan}
    small["cgan-mlp"] = MlpCgan
    scores = ["fid", "kid", "prdc"]
    inceptions = ["inception", "inception-bf16"]
    labelled = ["biggan-32-f32", "biggan-32-bf16", "biggan-sample"]
    styles = [*stylegan.TRAINING, "stylegan-sample"]
    pairs = ["cyclegan-128-f32", "cyclegan-128-bf16", "translate-1024", "translate-1024-tiled"]
    cases = ["dcgan-64-f32", "dcgan-64-bf16", *small, *labelled, *styles, *pairs, *inceptions, *scores, "loader"]
    parser.add_argument("case", choices=cases)
    parser.add_argument("--mode", choices=["eager", "compile", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda:N; for training, sampling and translation")
    parser.add_argument("--data", type=Path, help="folder of pictures for the case `loader`")
    parser.add_argument("--workers", type=int, default=2, help="processes that load, for the case `loader`")
    options = parser.parse_args()
    in_bf16 = options.case.endswith(("-bf16", "-bf16-regs")) and options.case != "inception-bf16"
    mode = options.mode or ("bf16" if in_bf16 else "eager")

    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.manual_seed(1)
    on_gpu = torch.get_default_device().type != "cpu"
    if options.case == "loader":
        if options.data is None:
            parser.error("the case `loader` needs --data FOLDER")
        work = Loader(options.data, options.workers)
    elif options.case in labelled:
        work = biggan.Sampling(mode) if options.case == "biggan-sample" else biggan.BigGan(mode)
    elif options.case == "stylegan-sample":
        work = stylegan.Sampling(mode)
    elif options.case in styles:
        if mode == "compile":
            parser.error(f"the case `{options.case}` has a gradient penalty and does not run with --mode compile")
        work = stylegan.StyleGan(mode, **stylegan.TRAINING[options.case])
    elif options.case in pairs:
        kind = translation.CycleGan if options.case.startswith("cyclegan") else translation.Translation
        work = kind(mode)
    elif options.case in inceptions:
        work = Inception()
    elif options.case in scores:
        work = Score(options.case)
    elif options.case in small:
        if small[options.case] in (R1, WganGp) and mode != "eager":
            parser.error(f"the case `{options.case}` has a gradient penalty and runs with --mode eager only")
        if small[options.case] in (Cgan, MlpCgan) and mode == "bf16":
            parser.error(f"the case `{options.case}` runs in f32 only")
        work = small[options.case](size=32, channels=1, batch=64 if options.case == "cgan-mlp" else 128, mode=mode)
    else:
        work = Dcgan(size=64, channels=3, batch=64, mode=mode)

    for line in sys.stdin:
        match line.split():
            case ["hello"]:
                answer = {"name": f"pytorch {mode}", "version": torch.__version__, "threads": torch.get_num_threads()}
            case ["run", count] if count.isdigit():
                for _ in range(getattr(work, "ahead", 0)):
                    work.iteration()
                if on_gpu:
                    torch.accelerator.synchronize()
                ends = [time.perf_counter()]
                for _ in range(int(count)):
                    work.iteration()
                    ends.append(time.perf_counter())
                if on_gpu:
                    torch.accelerator.synchronize()
                    ends[-1] = time.perf_counter()
                seconds = [end - start for start, end in zip(ends, ends[1:])]
                if on_gpu or isinstance(work, Loader):
                    seconds = [(ends[-1] - ends[0]) / len(seconds)] * len(seconds)
                answer = {"seconds": seconds, "peak_mb": peak_mb()}
            case ["quit"]:
                break
            case _:
                sys.exit(f"peer.py: expected `hello`, `run K` or `quit`, got {line.strip()!r}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
