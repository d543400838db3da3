"""Writes latest_net_G_A.pth as the CycleGAN repository's `torch.save(net.state_dict(), path)` does: a ResNet of 6 blocks,
ngf 2, instance normalisation. Run with torch 2.11: python make.py"""

from collections import OrderedDict
from pathlib import Path

import torch

WIDTH = 2
layers = [(1, (WIDTH, 3, 7, 7)), (4, (2 * WIDTH, WIDTH, 3, 3)), (7, (4 * WIDTH, 2 * WIDTH, 3, 3))]
shapes = [(f"model.{at}", shape, shape[0]) for at, shape in layers]
for block in range(10, 16):
    for at in (1, 5):
        shapes.append((f"model.{block}.conv_block.{at}", (4 * WIDTH, 4 * WIDTH, 3, 3), 4 * WIDTH))
shapes += [("model.16", (4 * WIDTH, 2 * WIDTH, 3, 3), 2 * WIDTH), ("model.19", (2 * WIDTH, WIDTH, 3, 3), WIDTH)]
shapes.append(("model.23", (3, WIDTH, 7, 7), 3))

torch.manual_seed(1)
state = OrderedDict()
for name, shape, outputs in shapes:
    state[f"{name}.weight"] = torch.randn(shape) * 0.1
    state[f"{name}.bias"] = torch.randn(outputs) * 0.1
torch.save(state, Path(__file__).with_name("latest_net_G_A.pth"))
