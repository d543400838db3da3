"""The pipe `bgc` of adaptive augmentation (Karras et al. 2020, appendix B) as it runs on a CPU: pixel blitting, geometry, colours.

Every image has a matrix of its own for where its pixels come from and one for its colours, put together from one draw after the
other, each taken with probability p. Images are mirrored at their edges as far as the matrices reach, doubled by a wavelet's
filter, sampled bilinearly and halved.

Run as a program it times 16 images on two threads, for `cargo bench --bench ops augmentation` to be compared with.
"""

import math
import statistics
import time

import torch
from torch.nn import functional as F

SYM6 = [
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
]  # fmt: skip
TAPS = len(SYM6)


def matrix(rows: list[list[torch.Tensor | float]], count: int) -> torch.Tensor:
    """[count, n, n] of numbers and of tensors [count]."""
    cells = [[torch.as_tensor(cell, dtype=torch.float32).expand(count) for cell in row] for row in rows]
    return torch.stack([torch.stack(row, 1) for row in cells], 1)


def moved(x, y, count: int) -> torch.Tensor:
    return matrix([[1, 0, x], [0, 1, y], [0, 0, 1]], count)


def scaled(x, y, count: int) -> torch.Tensor:
    return matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]], count)


def turned(angle: torch.Tensor) -> torch.Tensor:
    sin, cos = angle.sin(), angle.cos()
    return matrix([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], len(angle))


class Augmentation:
    def __init__(self, p: float):
        self.p = torch.tensor(p)
        self.taps = torch.tensor(SYM6) / sum(SYM6)
        diagonal = torch.tensor([1.0, 1.0, 1.0]) / 3**0.5
        self.luma = torch.outer(diagonal, diagonal)
        x, y, z = diagonal.tolist()
        self.cross = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])

    def chosen(self, drawn: torch.Tensor, otherwise: float) -> torch.Tensor:
        return torch.where(torch.rand(len(drawn)) < self.p, drawn, torch.full_like(drawn, otherwise))

    def geometry(self, count: int, width: int, height: int) -> torch.Tensor:
        """Where a pixel of the new image comes from in the old one, in pixels from the middle, [count, 3, 3]."""
        flip = self.chosen(torch.randint(0, 2, [count]).float(), 0)
        g = scaled(1 - 2 * flip, 1, count)
        g = g @ turned(self.chosen(torch.randint(0, 4, [count]).float(), 0) * (math.pi / 2))
        shift = torch.rand(2, count) * 0.25 - 0.125
        g = g @ moved(-(self.chosen(shift[0], 0) * width).round(), -(self.chosen(shift[1], 0) * height).round(), count)
        scale = self.chosen(torch.exp2(torch.randn(count) * 0.2), 1)
        g = g @ scaled(1 / scale, 1 / scale, count)
        p_turn = 1 - (1 - self.p).sqrt()
        angles = (torch.rand(2, count) * 2 - 1) * math.pi
        angles = torch.where(torch.rand(2, count) < p_turn, angles, torch.zeros_like(angles))
        g = g @ turned(angles[0])
        stretch = self.chosen(torch.exp2(torch.randn(count) * 0.2), 1)
        g = g @ scaled(1 / stretch, stretch, count)
        g = g @ turned(angles[1])
        shift = torch.randn(2, count) * 0.125
        return g @ moved(-self.chosen(shift[0], 0) * width, -self.chosen(shift[1], 0) * height, count)

    def colours(self, count: int) -> torch.Tensor:
        one, three = torch.eye(4), torch.eye(3)

        def affine(linear: torch.Tensor, shift=0.0) -> torch.Tensor:
            whole = one.repeat(count, 1, 1)
            whole[:, :3, :3] = linear
            whole[:, :3, 3] = shift
            return whole

        c = affine(three, self.chosen(torch.randn(count) * 0.2, 0)[:, None])
        contrast = self.chosen(torch.exp2(torch.randn(count) * 0.5), 1)
        c = affine(contrast[:, None, None] * three) @ c
        flip = self.chosen(torch.randint(0, 2, [count]).float(), 0)
        c = affine(three - 2 * self.luma * flip[:, None, None]) @ c
        angle = self.chosen((torch.rand(count) * 2 - 1) * math.pi, 0)[:, None, None]
        c = affine(angle.cos() * three + angle.sin() * self.cross + (1 - angle.cos()) * self.luma) @ c
        saturation = self.chosen(torch.exp2(torch.randn(count)), 1)[:, None, None]
        return affine(self.luma + (three - self.luma) * saturation) @ c

    def filtered(self, x: torch.Tensor, taps: torch.Tensor, stride: int) -> torch.Tensor:
        channels, taps = x.shape[1], taps[None, None]
        x = F.conv2d(x, taps[:, :, None].repeat(channels, 1, 1, 1), groups=channels, stride=[1, stride])
        return F.conv2d(x, taps[:, :, :, None].repeat(channels, 1, 1, 1), groups=channels, stride=[stride, 1])

    def warped(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = x.shape
        middle = [(width - 1) / 2, (height - 1) / 2]
        corners = torch.tensor([[sx * middle[0], sy * middle[1], 1.0] for sx in (-1, 1) for sy in (-1, 1)])
        reach = (g @ corners.t())[:, :2].permute(1, 0, 2).flatten(1)
        margin = torch.cat([-reach, reach]).max(1).values + TAPS // 4 * 2 - torch.tensor(middle * 2)
        most = torch.tensor([width - 1, height - 1] * 2)
        left, above, right, below = margin.max(torch.zeros(4)).min(most.float()).ceil().int().tolist()
        x = F.pad(x, [left, right, above, below], mode="reflect")
        g = moved((left - right) / 2, (above - below) / 2, count) @ g
        # Doubled.
        padded = [*x.shape[2:]]
        x = F.pad(x.reshape(count, channels, padded[0], 1, padded[1], 1), [0, 1, 0, 0, 0, 1])
        x = x.reshape(count, channels, padded[0] * 2, padded[1] * 2)
        x = self.filtered(F.pad(x, [TAPS // 2, TAPS // 2 - 1] * 2), 2 * self.taps.flip(0), 1)
        g = scaled(2.0, 2.0, count) @ g @ scaled(0.5, 0.5, count)
        g = moved(-0.5, -0.5, count) @ g @ moved(0.5, 0.5, count)
        # Sampled with room for the last filter, and halved.
        shape = [count, channels, (height + TAPS // 2) * 2, (width + TAPS // 2) * 2]
        g = scaled(2 / x.shape[3], 2 / x.shape[2], count) @ g @ scaled(shape[3] / 2, shape[2] / 2, count)
        grid = F.affine_grid(g[:, :2], shape, align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        keep = (TAPS // 2 * 2 - TAPS + 2) // 2
        x = self.filtered(x[:, :, keep:, keep:], self.taps, 2)
        return x[:, :, :height, :width]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = images.shape
        x = self.warped(images, self.geometry(count, width, height))
        c = self.colours(count)
        flat = c[:, :3, :3] @ x.reshape(count, channels, -1) + c[:, :3, 3:]
        return flat.reshape(count, channels, height, width)


def main() -> None:
    torch.set_num_threads(2)
    images = torch.rand(4, 3, 32, 48) * 2 - 1
    assert torch.allclose(Augmentation(0.0)(images), images, atol=1e-5), "what is not changed must come out as it is"
    augment = Augmentation(0.5)
    for size in (32, 64):
        images = (torch.rand(16, 3, size, size) * 2 - 1).requires_grad_()
        there, and_back = [], []
        for _ in range(60):
            began = time.perf_counter()
            with torch.no_grad():
                augment(images)
            between = time.perf_counter()
            torch.autograd.grad(augment(images).square().sum(), images)
            there.append(between - began)
            and_back.append(time.perf_counter() - between)
        words = [f"{statistics.median(times[10:]) * 1e3:.1f} ms" for times in (there, and_back)]
        print(f"{size}x{size}: {words[0]}, with its gradient {words[1]}")


if __name__ == "__main__":
    main()
