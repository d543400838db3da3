#!/usr/bin/env python3
"""`gan evaluate` against pytorch-fid on the same two folders with the same weights.

    python3 tests/fid_parity.py [--gan target/release/gan] [--images 400] [--features 64,192,768,2048] [--folders A B]

It makes a virtual environment with pytorch-fid (in target/fid-parity), fills an Inception with weights by the formula of
tests/goldens/metrics_inception.json, since nobody may be able to download the real ones here, and lets both programs
compare two folders of pictures: those given, or pictures drawn from a seed, of several sizes. It prints both distances and fails
if they differ by more than one part in 10,000.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "fid-parity"
PACKAGES = ["torch==2.11.0", "torchvision==0.26.0", "pytorch-fid==0.3.0"]
TOLERANCE = 1e-4

# pytorch-fid reads its weights through one function, which is made to read a file.
THEIRS = """
import sys
if sys.platform == "linux":
    import os
    sys.setdlopenflags(os.RTLD_LAZY)
import time
import torch
from pytorch_fid import fid_score, inception
inception.load_state_dict_from_url = lambda *_, **__: torch.load(sys.argv[1])
torch.set_num_threads(2)
began = time.time()
value = fid_score.calculate_fid_given_paths([sys.argv[2], sys.argv[3]], 1, "cpu", int(sys.argv[4]), num_workers=0)
print(float(value), time.time() - began)
"""


def environment() -> Path:
    python = WORK / "venv" / "bin" / "python"
    ready = WORK / "venv" / "ready"
    if not ready.exists():
        print("making a virtual environment with", ", ".join(PACKAGES), flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", WORK / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        ready.touch()
    return python


FILL = """
import json, sys
if sys.platform == "linux":
    import os
    sys.setdlopenflags(os.RTLD_LAZY)
import numpy as np, torch
golden = json.load(open(sys.argv[1]))
state = {}
for t, (name, shape) in enumerate(golden["inception_keys"]):
    x = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(golden["config"]["weight_seed"] + (t << 40))
    z = x + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    v = (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0
    if name == "fc.weight": v = 0.25 * v
    elif name == "fc.bias": v = 0.1 * v
    elif name.endswith("conv.weight"): v = v * np.sqrt(6.0 / np.prod(shape[1:]))
    elif name.endswith("bn.weight"): v = 1.0 + 0.2 * v
    elif name.endswith("running_var"): v = 1.0 + 0.4 * v
    else: v = 0.2 * v
    state[name] = torch.from_numpy(v.astype(np.float32).reshape(shape))
torch.save(state, sys.argv[2])
"""

DRAW = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
for side in (0, 1):
    folder = Path(sys.argv[1]) / f"side{side}"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(side)
    for n in range(int(sys.argv[2])):
        h, w = [(64, 64), (48, 80), (301, 299)][n % 3 if n % 8 == 0 else 0]
        coarse = rng.integers(0, 256, (4 + 2 * side, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((w, h), Image.BICUBIC)
        picture = np.clip(np.asarray(picture) + rng.normal(0, 8 + 8 * side, (h, w, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{n:05}.png")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gan", default=ROOT / "target" / "release" / "gan", type=Path)
    parser.add_argument("--images", default=400, type=int, help="pictures of each side that are drawn")
    parser.add_argument("--features", default="64,192,768,2048")
    parser.add_argument("--folders", nargs=2, type=Path)
    args = parser.parse_args()
    if not args.gan.exists():
        sys.exit(f"{args.gan} is not there: cargo build --release -p gan-cli")

    python = environment()
    weights = WORK / "formula.pth"
    if not weights.exists():
        subprocess.run([python, "-c", FILL, ROOT / "tests/goldens/metrics_inception.json", weights], check=True)
    folders = args.folders
    if folders is None:
        drawn = WORK / f"pictures-{args.images}"
        if not drawn.exists():
            subprocess.run([python, "-c", DRAW, drawn, str(args.images)], check=True)
        folders = [drawn / "side0", drawn / "side1"]

    worst = 0.0
    for features in args.features.split(","):
        command = [python, "-c", THEIRS, weights, *folders, features]
        theirs, their_seconds = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:])
        began = time.time()
        command = [args.gan, "evaluate", folders[0], "--against", folders[1], "--metrics", "fid", "--inception", weights,
                   "--features", features, "--convention", "pytorch-fid", "--threads", "2", "--no-cache", "--json"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["scores"][0]["value"]
        seconds = time.time() - began
        apart = abs(ours - theirs) / abs(theirs)
        worst = max(worst, apart)
        print(f"{features:>4} features: gan evaluate {ours:.8g} ({seconds:.1f} s), pytorch-fid {theirs:.8g} "
              f"({their_seconds:.1f} s), apart by {apart:.1e}", flush=True)
    if worst > TOLERANCE:
        sys.exit(f"the distances differ by {worst:.1e}, more than {TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
