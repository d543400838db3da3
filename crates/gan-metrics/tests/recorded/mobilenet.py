#!/usr/bin/env python3
"""Records torchvision's MobileNetV2 with weights by a formula into mobilenet.json, which tests/mobilenet.rs compares with ours.

    pip install torch==2.11.0 torchvision==0.26.0 && python3 mobilenet.py [WEIGHTS.pth]

With a file of torchvision's real weights it records these into mobilenet_imagenet.json, to compare by hand with
what the extractor makes of them.

Weights: names but for num_batches_tracked sorted bytewise; element j of tensor t is u = uniform((t << 40) + j), scaled by what
the tensor is. Pictures: byte j of picture i is the level below. Both from formulas.py.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

from formulas import picture, uniform

SIZES = [(3, 224, 224), (3, 64, 48), (1, 32, 32), (3, 300, 260)]
DEPTHS = [1, 3, 6, 13, 17]


def filled(network):
    state = network.state_dict()
    names = sorted(name for name in state if not name.endswith("num_batches_tracked"))
    for t, name in enumerate(names):
        shape = state[name].shape
        u = uniform(t, shape)
        fan_in = math.prod(shape[1:])
        if len(shape) == 4:
            values = u * math.sqrt(6.0 / fan_in)
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 1.0 + 0.4 * u
        else:
            values = 0.2 * u
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    network.load_state_dict(state)


def seen(network, image):
    """Maps of all depths, the feature and the logits."""
    x = image.float().expand(-1, 3, -1, -1)
    if x.shape[2:] != (224, 224):
        x = F.interpolate(x, (224, 224), mode="bilinear", align_corners=False, antialias=True)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x = (x / 255 - mean) / deviation
    maps = []
    for index, block in enumerate(network.features):
        x = block(x)
        if index in DEPTHS:
            maps.append(x)
    pooled = x.mean([2, 3])
    return maps, pooled, network.classifier(pooled)


def distance(a, b):
    unit = lambda x: x / (x.norm(dim=1, keepdim=True) + 1e-10)
    return float(torch.stack([((unit(x) - unit(y)) ** 2).sum(1).mean().double() for x, y in zip(a, b)]).mean())


@torch.no_grad()
def main():
    network = torchvision.models.mobilenet_v2().eval()
    if len(sys.argv) > 1:
        network.load_state_dict(torch.load(sys.argv[1]))
    else:
        filled(network)
    recorded = {"torch": torch.__version__, "torchvision": torchvision.__version__, "pictures": []}
    for index, shape in enumerate(SIZES):
        image = picture(index, shape)
        maps, pooled, logits = seen(network, image)
        darker, _, _ = seen(network, image // 2)
        recorded["pictures"].append(
            {
                "shape": shape,
                "sum": int(image.long().sum()),
                "depths": [float(x.double().norm()) for x in maps],
                "pooled": [round(v, 7) for v in pooled[0, ::40].tolist()],
                "pooled_norm": float(pooled.double().norm()),
                "logits": [round(v, 7) for v in logits[0, ::40].tolist()],
                "logits_norm": float(logits.double().norm()),
                "distance_to_half": distance(maps, darker),
            }
        )
    name = "mobilenet_imagenet.json" if len(sys.argv) > 1 else "mobilenet.json"
    (Path(__file__).parent / name).write_text(json.dumps(recorded) + "\n")


main()
