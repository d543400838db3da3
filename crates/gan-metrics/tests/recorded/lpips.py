#!/usr/bin/env python3
"""Records the `lpips` package's distances with weights by a formula into lpips.json, which tests/lpips.rs compares with ours.

    pip install torch==2.11.0 torchvision==0.26.0 && pip install --no-deps lpips==0.1.4 && python3 lpips.py [VGG16.pth]

With torchvision's real weights it uses these and the package's own heads, and prints the distances, to compare by hand.

Weights: those of VGG16's `features`, then the heads, names sorted bytewise within each; element j of tensor t is u = uniform((t <<
40) + j), scaled by what the tensor is. Pictures and u from formulas.py.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

from formulas import picture, uniform

# This file has the package's name.
sys.path = [folder for folder in sys.path if Path(folder or ".").resolve() != Path(__file__).resolve().parent]
import lpips  # noqa: E402

SIZES = [(3, 64, 64), (3, 64, 48), (1, 32, 32), (3, 100, 70)]


def filled(shapes, first):
    state = {}
    for t, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        u = uniform(first + t, shape)
        if name.startswith("lin"):
            values = 0.5 + 0.5 * u
        else:
            values = u * math.sqrt(6.0 / math.prod(shape[1:])) if len(shape) == 4 else 0.2 * u
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    return state


def main():
    vgg = torchvision.models.vgg16(weights=None)
    real = len(sys.argv) > 1
    if real:
        vgg.load_state_dict(torch.load(sys.argv[1], weights_only=True))
    else:
        shapes = {f"features.{name}": value.shape for name, value in vgg.features.state_dict().items()}
        state = {name.removeprefix("features."): value for name, value in filled(shapes, 0).items()}
        vgg.features.load_state_dict(state)
    torchvision.models.vgg16 = lambda **_: vgg
    network = lpips.LPIPS(net="vgg", pretrained=real, verbose=False).eval()
    if not real:
        heads = {f"lin{depth}.model.1.weight": (1, count, 1, 1) for depth, count in enumerate(network.chns)}
        missing = network.load_state_dict(filled(heads, len(shapes)), strict=False)
        assert not missing.unexpected_keys
    records = []
    for index, shape in enumerate(SIZES):
        image = picture(index, shape)
        half = image // 2
        ours, theirs = (part.float().expand(-1, 3, -1, -1) / 127.5 - 1 for part in (image, half))
        ours.requires_grad_(True)
        distance = network(ours, theirs).sum()
        (gradient,) = torch.autograd.grad(distance, ours)
        records.append({
            "shape": list(shape),
            "sum": int(image.long().sum()),
            "distance": distance.item(),
            "gradient_norm": (gradient / 127.5).norm().item(),
        })
    if real:
        print(json.dumps(records, indent=1))
    else:
        Path(__file__).with_suffix(".json").write_text(json.dumps({"pictures": records}, indent=1) + "\n")


if __name__ == "__main__":
    main()
