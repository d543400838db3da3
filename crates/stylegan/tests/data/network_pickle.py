"""Writes recorded networks as stylegan2-ada-pytorch saves its own: a plain pickle whose modules are rebuilt by
`torch_utils.persistence`. Nothing of the authors' program is needed or used: modules of the same names stand in for it.

    python network_pickle.py sg2_arch.pkl                  # beside this file: G_ema and D of the golden sg2_arch
    python network_pickle.py FILE GOLDEN PROTOCOL KEY,...  # others

Needs torch and numpy.
"""

import json
import pathlib
import pickle
import sys
import types

import numpy
import torch

GOLDENS = pathlib.Path(__file__).resolve().parents[4] / "tests" / "goldens"
BUFFERS = {"resample_filter", "noise_const", "w_avg"}


def module(name):
    made = types.ModuleType(name)
    sys.modules[name] = made
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, made)
    return made


module("torch_utils")
persistence = module("torch_utils.persistence")
module("dnnlib")
util = module("dnnlib.util")


def _reconstruct_persistent_obj(meta):
    raise RuntimeError("these pickles are for reading, not for running")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj


class EasyDict(dict):
    pass


EasyDict.__module__ = "dnnlib.util"
util.EasyDict = EasyDict

SOURCE = "# The source of all networks stands here, in every module once more.\n" * 20


class Persistent(torch.nn.Module):
    def __init__(self, class_name, **kwargs):
        super().__init__()
        self._class_name = class_name
        self._init_args = ()
        self._init_kwargs = kwargs

    def __reduce__(self):
        state = {key: value for key, value in self.__dict__.items() if key != "_class_name"}
        meta = dict(type="class", version=6, module_src=SOURCE, class_name=self._class_name, state=state)
        return _reconstruct_persistent_obj, (meta,), None


def load_file(path):
    """A safetensors file's tensors."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    kinds = {"F32": torch.float32, "BF16": torch.bfloat16}
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__" and entry["dtype"] in kinds:
            first, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(data[start + first : start + end]), dtype=kinds[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def easy(value):
    return EasyDict({k: easy(v) for k, v in value.items()}) if isinstance(value, dict) else value


def attributes(name, path, config, net):
    """What the modules keep beside their tensors, as far as anything depends on it."""
    kwargs = config[net].get("synthesis_kwargs", config[net]) if net == "G" else config[net]
    clamp, block = kwargs.get("conv_clamp"), config[net].get("block_kwargs", {})
    if path == "":
        names = ["z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"]
        return {name: config[net][name] for name in names if name in config[net]}
    if name.startswith(("fc", "out", "embed")) or name == "affine":
        multiplier = config[net].get("mapping_kwargs", {}).get("lr_multiplier", 0.01)
        gain = multiplier if "mapping.fc" in path else 1
        return dict(activation="lrelu", bias_gain=gain, weight_gain=gain / numpy.sqrt(numpy.float64(8)))
    if name.startswith("conv"):
        return dict(activation=block.get("activation", "lrelu"), conv_clamp=clamp, act_gain=numpy.sqrt(2.0))
    if name.startswith("b"):
        return dict(use_fp16=False, architecture=kwargs.get("architecture", "skip"), img_channels=3)
    return {}


def network(golden, config, net):
    tensors = load_file(GOLDENS / f"{golden}.safetensors")
    prefix = f"state/{net}/"
    root = Persistent("Generator" if net == "G" else "Discriminator", **easy(config[net]))
    root.__dict__.update(attributes("", "", config, net))
    for full, tensor in tensors.items():
        if not full.startswith(prefix):
            continue
        *path, leaf = full[len(prefix) :].split(".")
        at, place = root, ""
        for name in path:
            place = f"{place}.{name}".strip(".")
            if name not in at._modules:
                at._modules[name] = Persistent("Layer")
                at._modules[name].__dict__.update(attributes(name, place, config, net))
            at = at._modules[name]
        tensor = tensor.float().clone()
        if leaf in BUFFERS:
            at.register_buffer(leaf, tensor)
        else:
            at.register_parameter(leaf, torch.nn.Parameter(tensor, requires_grad=False))
    if net == "D":
        epilogue = config["D"].get("epilogue_kwargs", {})
        stddev = Persistent("MinibatchStdLayer")
        stddev.group_size = epilogue.get("mbstd_group_size", 4)
        stddev.num_channels = epilogue.get("mbstd_num_channels", 1)
        root._modules["b4"]._modules["mbstd"] = stddev
    return root


def main(path, golden="sg2_arch", protocol="4", keys="D,G_ema"):
    config = json.loads((GOLDENS / f"{golden}.json").read_text())["config"]
    data = dict(training_set_kwargs=EasyDict(class_name="training.dataset.ImageFolderDataset", resolution=32))
    for key in keys.split(","):
        data[key] = network(golden, config, key.removesuffix("_ema"))
    data["augment_pipe"] = None
    pathlib.Path(path).write_bytes(pickle.dumps(data, protocol=int(protocol)))


if __name__ == "__main__":
    main(*sys.argv[1:])
