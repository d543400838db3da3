"""StyleGAN2 as stylegan2-ada-pytorch's users train it on a CPU: four kinds of update, two of them every few steps.

In that program's form: contiguous and eager; every change of resolution by inserting zeros, padding and a grouped
convolution; a bias, its activation, gain and bound one after the other. In training styles scale what goes into a
convolution and demodulation what comes out; in evaluation all images have their own weights in one grouped convolution.

With R1 every 16 steps and path lengths every 4, a fair turn is 16 steps, which take minutes. So there are two cases:
the plain one takes both regularisers in step 0 alone, which is the warm-up, and `-regs` takes both in every step:

    plain = main            = the generator's loss + the discriminator's loss + the average
    -regs = main + PL + R1
    amortised = main + PL / 4 + R1 / 16

which lies between main + (regs - main) / 16 and main + (regs - main) / 4. With PL the share s of PL + R1,
amortised = main + (regs - main) * (s / 4 + (1 - s) / 16); s is about 0.68 in stylegan2-ada-pytorch itself at 32 pixels
(6.7 s and 3.1 s), with which the factor is 0.19.
"""

import contextlib
import copy
import os

import torch
from torch import nn
from torch.nn import functional as F

from ada import Augmentation

LATENT = 512
BATCH = 16
CHANNEL_BASE = 16384
CHANNEL_MAX = 512
CLAMP = 256.0
NEVER = 1_000_000_000
"""Steps from one regulariser to the next where only step 0 is to have it."""

SMALL = {"size": 32, "residual": False, "mapping_layers": 2}
LARGE = {"size": 64, "residual": True, "mapping_layers": 8}
TRAINING = {
    "stylegan-32-f32": SMALL,
    "stylegan-32-bf16": SMALL,
    "stylegan-32-f32-regs": {**SMALL, "r1_interval": 1, "path_interval": 1},
    "stylegan-32-bf16-regs": {**SMALL, "r1_interval": 1, "path_interval": 1},
    "stylegan-32-f32-ada": {**SMALL, "augmented": 0.5},
    "stylegan-64-f32": LARGE,
    "stylegan-64-bf16": LARGE,
}


def blur() -> torch.Tensor:
    """[1, 3, 3, 1] in both directions, of sum 1."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 64


def filtered(
    x: torch.Tensor, taps: torch.Tensor, padding: list[int], up: int = 1, down: int = 1, gain: float = 1.0
) -> torch.Tensor:
    """Zeros between pixels, padding (left, right, top, bottom), the filter, every so manyth pixel."""
    count, channels, height, width = x.shape
    if up > 1:
        x = F.pad(x.reshape(count, channels, height, 1, width, 1), [0, up - 1, 0, 0, 0, up - 1])
        x = x.reshape(count, channels, height * up, width * up)
    x = F.pad(x, padding)
    taps = (taps * gain).flip([0, 1]).to(x.dtype)[None, None].repeat(channels, 1, 1, 1)
    x = F.conv2d(x, taps, groups=channels)
    return x[:, :, ::down, ::down]


def activated(
    x: torch.Tensor, bias: torch.Tensor | None, lrelu: bool, gain: float = 1.0, clamp: float | None = None
) -> torch.Tensor:
    if bias is not None:
        x = x + bias.to(x.dtype).reshape([-1 if axis == 1 else 1 for axis in range(x.ndim)])
    if lrelu:
        x = F.leaky_relu(x, 0.2)
    scale = gain * 2**0.5 if lrelu else gain
    if scale != 1:
        x = x * scale
    if clamp is not None:
        x = x.clamp(-clamp * gain, clamp * gain)
    return x


class Dense(nn.Module):
    """A linear layer whose weight is N(0, 1) over its multiplier of the learning rate, and scaled where it is used."""

    def __init__(self, inputs: int, outputs: int, lrelu: bool = False, multiplier: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / multiplier)
        self.bias = nn.Parameter(torch.full([outputs], bias))
        self.weight_gain, self.bias_gain, self.lrelu = multiplier / inputs**0.5, multiplier, lrelu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight.to(x.dtype) * self.weight_gain, self.bias.to(x.dtype)
        if self.bias_gain != 1:
            bias = bias * self.bias_gain
        if self.lrelu:
            return activated(x.matmul(weight.t()), bias, True)
        return torch.addmm(bias[None], x, weight.t())


class Conv(nn.Module):
    """A convolution with a bias and an activation, or neither; before it the filter where it halves."""

    def __init__(self, inputs: int, outputs: int, kernel: int, halves: bool = False, plain: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = None if plain else nn.Parameter(torch.zeros(outputs))
        self.register_buffer("resample_filter", blur())
        self.weight_gain, self.padding, self.halves = 1 / (inputs * kernel**2) ** 0.5, kernel // 2, halves

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        weight = (self.weight * self.weight_gain).to(x.dtype)
        if not self.halves:
            x = F.conv2d(x, weight, padding=self.padding)
        elif self.padding == 0:
            x = F.conv2d(filtered(x, self.resample_filter, [1] * 4, down=2), weight)
        else:
            x = F.conv2d(filtered(x, self.resample_filter, [2] * 4), weight, stride=2)
        if self.bias is None:
            return x if gain == 1 else x * gain
        return activated(x, self.bias, True, gain, CLAMP)


def convolved(x: torch.Tensor, weight: torch.Tensor, taps: torch.Tensor | None, groups: int = 1) -> torch.Tensor:
    """In the same resolution, or with taps of a filter in twice as much; weights are those of all groups in a row."""
    if taps is None:
        return F.conv2d(x, weight, padding=weight.shape[2] // 2, groups=groups)
    outputs, inputs, height, width = weight.shape
    weight = weight.reshape(groups, outputs // groups, inputs, height, width).transpose(1, 2)
    weight = weight.reshape(groups * inputs, outputs // groups, height, width)
    x = F.conv_transpose2d(x, weight, stride=2, groups=groups)
    return filtered(x, taps, [1] * 4, gain=4.0)


def modulated(
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    noise: torch.Tensor | None,
    taps: torch.Tensor | None,
    demodulates: bool,
    fused: bool,
) -> torch.Tensor:
    """Styles [N, I] scale the weight [O, I, k, k], which may then be brought to unit length; plus noise."""
    count, (outputs, inputs, kernel, _) = len(x), weight.shape
    if demodulates or fused:
        own = weight[None] * styles[:, None, :, None, None]
    if demodulates:
        lengths = (own.square().sum([2, 3, 4]) + 1e-8).rsqrt()
    if not fused:
        x = x * styles.to(x.dtype)[:, :, None, None]
        x = convolved(x, weight.to(x.dtype), taps)
        if demodulates and noise is not None:
            return torch.addcmul(noise.to(x.dtype), x, lengths.to(x.dtype)[:, :, None, None])
        if demodulates:
            x = x * lengths.to(x.dtype)[:, :, None, None]
        return x if noise is None else x.add_(noise.to(x.dtype))
    if demodulates:
        own = own * lengths[:, :, None, None, None]
    own = own.reshape(count * outputs, inputs, kernel, kernel).to(x.dtype)
    x = convolved(x.reshape(1, count * inputs, *x.shape[2:]), own, taps, groups=count)
    x = x.reshape(count, outputs, *x.shape[2:])
    return x if noise is None else x.add_(noise.to(x.dtype))


class Layer(nn.Module):
    """A modulated convolution, noise, a bias, an activation."""

    def __init__(self, inputs: int, outputs: int, style: int, size: int, doubles: bool):
        super().__init__()
        self.affine = Dense(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("resample_filter", blur())
        self.register_buffer("noise_const", torch.randn(size, size))
        self.size, self.doubles = size, doubles

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w)
        drawn = torch.randn(len(x), 1, self.size, self.size) if self.training else self.noise_const
        noise, taps = drawn * self.noise_strength, self.resample_filter if self.doubles else None
        x = modulated(x, self.weight, styles, noise, taps, demodulates=True, fused=not self.training)
        return activated(x, self.bias, True, clamp=CLAMP)


class ToRgb(nn.Module):
    def __init__(self, inputs: int, style: int):
        super().__init__()
        self.affine = Dense(style, inputs, bias=1.0)
        self.weight, self.bias = nn.Parameter(torch.randn(3, inputs, 1, 1)), nn.Parameter(torch.zeros(3))
        self.gain = 1 / inputs**0.5

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self.gain
        x = modulated(x, self.weight, styles, None, None, demodulates=False, fused=not self.training)
        return activated(x, self.bias, False, clamp=CLAMP)


class GeneratorBlock(nn.Module):
    """One resolution: the first begins with a constant, the others double; each adds its colours to the image."""

    def __init__(self, inputs: int, outputs: int, style: int, size: int):
        super().__init__()
        self.first = inputs == 0
        if self.first:
            self.const = nn.Parameter(torch.randn(outputs, size, size))
        else:
            self.conv0 = Layer(inputs, outputs, style, size, doubles=True)
        self.conv1 = Layer(outputs, outputs, style, size, doubles=False)
        self.torgb = ToRgb(outputs, style)
        self.register_buffer("resample_filter", blur())
        self.convolutions = 1 if self.first else 2

    def forward(
        self, x: torch.Tensor | None, image: torch.Tensor | None, ws: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        told = iter(ws.unbind(1))
        if self.first:
            x = self.const[None].repeat(len(ws), 1, 1, 1)
        else:
            x = self.conv0(x, next(told))
            image = filtered(image, self.resample_filter, [2, 1, 2, 1], up=2, gain=4.0)
        x = self.conv1(x, next(told))
        colours = self.torgb(x, next(told)).float()
        return x, colours if image is None else image + colours


def levels(size: int) -> list[int]:
    return [4 * 2**level for level in range(size.bit_length() - 2)]


class Synthesis(nn.Module):
    """Styles [N, layers, style] to images, by the blocks b4, b8, ..."""

    def __init__(self, size: int, style: int, base: int, most: int):
        super().__init__()
        self.names, self.layers, inputs = [], 1, 0
        for side in levels(size):
            outputs = min(base // side, most)
            block = GeneratorBlock(inputs, outputs, style, side)
            self.add_module(f"b{side}", block)
            self.names.append(f"b{side}")
            self.layers += block.convolutions
            inputs = outputs

    def forward(self, ws: torch.Tensor) -> torch.Tensor:
        x = image = None
        at = 0
        for name in self.names:
            block = getattr(self, name)
            x, image = block(x, image, ws.narrow(1, at, block.convolutions + 1))
            at += block.convolutions
        return image


class Mapping(nn.Module):
    """Latents to one style for all layers; in training its average follows."""

    def __init__(self, latent: int, style: int, layers: int, repeats: int):
        super().__init__()
        self.names, self.repeats = [f"fc{layer}" for layer in range(layers)], repeats
        for layer, name in enumerate(self.names):
            self.add_module(name, Dense(latent if layer == 0 else style, style, lrelu=True, multiplier=0.01))
        self.register_buffer("w_avg", torch.zeros(style))

    def forward(self, z: torch.Tensor, follows: bool = True) -> torch.Tensor:
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for name in self.names:
            x = getattr(self, name)(x)
        x = x.float()
        if self.training and follows:
            self.w_avg.copy_(x.detach().mean(0).lerp(self.w_avg, 0.995))
        return x[:, None].repeat(1, self.repeats, 1)


class Generator(nn.Module):
    def __init__(
        self,
        size: int,
        mapping_layers: int,
        latent: int = LATENT,
        style: int = LATENT,
        base: int = CHANNEL_BASE,
        most: int = CHANNEL_MAX,
    ):
        super().__init__()
        self.synthesis = Synthesis(size, style, base, most)
        self.mapping = Mapping(latent, style, mapping_layers, self.synthesis.layers)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.synthesis(self.mapping(z))


class DiscriminatorBlock(nn.Module):
    """To half of the resolution; the first one sees the image."""

    def __init__(self, inputs: int, outputs: int, first: bool, residual: bool):
        super().__init__()
        self.fromrgb = Conv(3, inputs, 1) if first else None
        self.conv0, self.conv1 = Conv(inputs, inputs, 3), Conv(inputs, outputs, 3, halves=True)
        self.skip = Conv(inputs, outputs, 1, halves=True, plain=True) if residual else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        if self.skip is None:
            return self.conv1(self.conv0(x))
        beside = self.skip(x, gain=0.5**0.5)
        return beside.add_(self.conv1(self.conv0(x), gain=0.5**0.5))


class Epilogue(nn.Module):
    """A channel with the deviation over the batch, then the last layers."""

    def __init__(self, channels: int, group: int):
        super().__init__()
        self.conv = Conv(channels + 1, channels, 3)
        self.fc = Dense(channels * 4 * 4, channels, lrelu=True)
        self.out = Dense(channels, 1)
        self.group = group

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.float()
        count, _, height, width = x.shape
        group = min(self.group, count)
        apart = x.reshape(group, count // group, *x.shape[1:])
        apart = apart - apart.mean(0)
        deviation = (apart.square().mean(0) + 1e-8).sqrt().mean([1, 2, 3])
        x = torch.cat([x, deviation[:, None, None, None].repeat(group, 1, height, width)], 1)
        return self.out(self.fc(self.conv(x).flatten(1))).float()


class Discriminator(nn.Module):
    """Images to logits [N, 1]."""

    def __init__(
        self, size: int, residual: bool, base: int = CHANNEL_BASE, most: int = CHANNEL_MAX, group: int = BATCH
    ):
        super().__init__()
        self.names = [f"b{side}" for side in levels(size)[::-1]]
        for side, name in zip(levels(size)[:0:-1], self.names):
            inputs, outputs = (min(base // at, most) for at in (side, side // 2))
            self.add_module(name, DiscriminatorBlock(inputs, outputs, side == size, residual))
        self.b4 = Epilogue(min(base // 4, most), group)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.names:
            x = getattr(self, name)(x)
        return x


class StyleGan:
    """The logistic loss, lazy R1 and path lengths, styles of two latents now and then, the average of the generator."""

    MIXING = 0.9
    R1_GAMMA = 0.01
    PATH_WEIGHT, PATH_SHRINK, PATH_DECAY = 2.0, 2, 0.01
    HALF_LIFE, RAMP_UP = 5000, 0.05

    def __init__(
        self,
        mode: str,
        size: int,
        residual: bool,
        mapping_layers: int,
        r1_interval: int = NEVER,
        path_interval: int = NEVER,
        batch: int = BATCH,
        latent: int = LATENT,
        augmented: float = 0.0,
        **sizes: int,
    ):
        self.netG = Generator(size, mapping_layers, latent, latent, **sizes).requires_grad_(False)
        self.netD = Discriminator(size, residual, group=batch, **sizes).requires_grad_(False)
        self.average = copy.deepcopy(self.netG).eval()
        self.optimizerG, self.optimizerD = self.adam(self.netG, path_interval), self.adam(self.netD, r1_interval)
        self.batch, self.latent, self.r1_interval, self.path_interval = batch, latent, r1_interval, path_interval
        self.path_mean = torch.zeros([])
        self.reals = [torch.rand(batch, 3, size, size) * 2 - 1 for _ in range(8)]
        self.augment = Augmentation(augmented) if augmented else None
        # PyTorch has no second derivative of grid_sample: an augmented run has no first step with R1.
        self.steps, self.sink = int(augmented > 0), open(os.devnull, "w")
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)

    @staticmethod
    def adam(network: nn.Module, interval: int) -> torch.optim.Adam:
        """Corrected for the steps that a regulariser takes besides."""
        share = interval / (interval + 1)
        return torch.optim.Adam(network.parameters(), lr=0.0025 * share, betas=(0.0, 0.99**share), eps=1e-8)

    def made(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Fakes and the styles of all layers that made them."""
        with self.autocast():
            z = torch.randn(count, self.latent)
            ws = self.netG.mapping(z)
            layers = ws.shape[1]
            cutoff = int(torch.randint(1, layers, []))
            cutoff = cutoff if torch.rand([]) < self.MIXING else layers
            ws[:, cutoff:] = self.netG.mapping(torch.randn_like(z), follows=False)[:, cutoff:]
            return self.netG.synthesis(ws), ws

    def judged(self, images: torch.Tensor) -> torch.Tensor:
        if self.augment is not None:
            images = self.augment(images)
        with self.autocast():
            return self.netD(images)

    @contextlib.contextmanager
    def learning(self, network: nn.Module, optimizer: torch.optim.Optimizer):
        """What is backpropagated within moves the network, and nothing else has gradients."""
        optimizer.zero_grad(set_to_none=True)
        network.requires_grad_(True)
        yield
        network.requires_grad_(False)
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.nan_to_num(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5, out=parameter.grad)
        optimizer.step()

    def iteration(self) -> None:
        real = self.reals[self.steps % len(self.reals)]
        said = ""

        with self.learning(self.netG, self.optimizerG):
            fake, _ = self.made(self.batch)
            errG = F.softplus(-self.judged(fake)).mean()
            errG.backward()

        if self.steps % self.path_interval == 0:
            with self.learning(self.netG, self.optimizerG):
                fake, ws = self.made(self.batch // self.PATH_SHRINK)
                noise = torch.randn_like(fake) / (fake.shape[2] * fake.shape[3]) ** 0.5
                (gradient,) = torch.autograd.grad((fake * noise).sum(), ws, create_graph=True)
                lengths = gradient.square().sum(2).mean(1).sqrt()
                mean = self.path_mean.lerp(lengths.mean(), self.PATH_DECAY)
                self.path_mean.copy_(mean.detach())
                penalty = (lengths - mean).square() * self.PATH_WEIGHT
                # Everything has a gradient, if of 0: Adam's moments of all parameters move.
                (fake[:, 0, 0, 0] * 0 + penalty).mean().mul(self.path_interval).backward()
            said += f" PL: {penalty.mean().item():.4f}"

        with self.learning(self.netD, self.optimizerD):
            with torch.no_grad():
                fake, _ = self.made(self.batch)
            errD_fake = F.softplus(self.judged(fake)).mean()
            errD_fake.backward()
            errD_real = F.softplus(-self.judged(real)).mean()
            errD_real.backward()

        if self.steps % self.r1_interval == 0:
            with self.learning(self.netD, self.optimizerD):
                seen = real.detach().requires_grad_()
                output = self.judged(seen)
                (gradient,) = torch.autograd.grad(output.sum(), seen, create_graph=True)
                penalty = gradient.square().sum([1, 2, 3]) * (self.R1_GAMMA / 2)
                (output * 0 + penalty[:, None]).mean().mul(self.r1_interval).backward()
            said += f" R1: {penalty.mean().item():.4f}"

        self.follow()
        self.steps += 1
        losses = f"Loss_D: {errD_real.item():.4f} + {errD_fake.item():.4f} Loss_G: {errG.item():.4f}"
        print(f"[{self.steps}] {losses}{said}", file=self.sink)

    def follow(self) -> None:
        """Parameters of the average follow those of the generator; buffers are copied."""
        images = (self.steps + 1) * self.batch
        beta = 0.5 ** (self.batch / min(self.HALF_LIFE, images * self.RAMP_UP))
        with torch.no_grad():
            for average, now in zip(self.average.parameters(), self.netG.parameters()):
                average.copy_(now.lerp(average, beta))
            for average, now in zip(self.average.buffers(), self.netG.buffers()):
                average.copy_(now)


class Sampling:
    """256 images of the generator of 64 pixels in bytes, with the noise that is kept with the weights."""

    IMAGES = 256

    def __init__(self, mode: str):
        self.net = Generator(LARGE["size"], LARGE["mapping_layers"]).eval().requires_grad_(False)
        self.autocast = contextlib.nullcontext
        if mode == "bf16":
            self.autocast = lambda: torch.autocast(torch.get_default_device().type, dtype=torch.bfloat16)
        if mode == "compile":
            self.net = torch.compile(self.net)

    def iteration(self) -> None:
        for _ in range(self.IMAGES // BATCH):
            with torch.no_grad(), self.autocast():
                images = self.net(torch.randn(BATCH, LATENT))
            (images.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8).cpu().numpy()
