"""Writes a checkpoint of MLX's affine 4-bit form as an unquantised one in Hugging Face's layout, which other tools convert.

Usage: python dequantise.py MODEL OUT

A weight is code * scale + bias for each group along the last axis, codes packed from the low bits of 32-bit words.
MLX stores norms as w where Hugging Face has w - 1, and conv1d kernels with the last two axes swapped; both are undone.
Tensors are written as float32: no value is rounded again.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

PLAIN_NORM = ".linear_attn.norm.weight"


def unpack(packed, bits):
    codes = packed.view(torch.int32).unsqueeze(-1) >> torch.arange(0, 32, bits, dtype=torch.int32)
    return (codes & (2**bits - 1)).flatten(-2)


def dequantise(packed, scales, biases, group_size, bits):
    codes = unpack(packed, bits).float().unflatten(-1, (-1, group_size))
    return (codes * scales.float().unsqueeze(-1) + biases.float().unsqueeze(-1)).flatten(-2)


def canonical(name):
    for prefix in ("model.language_model.", "language_model.model.", "language_model.", "model."):
        name = name.removeprefix(prefix)
    return name if name.startswith("mtp.") else f"model.language_model.{name}"


def read(folder):
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as data:
            tensors.update({key: data.get_tensor(key) for key in data.keys()})
    return tensors


def plain(tensors, config):
    defaults = config["quantization"]
    for name, value in tensors.items():
        module, _, leaf = name.rpartition(".")
        if leaf in ("scales", "biases"):
            continue
        if f"{module}.scales" in tensors:
            own = defaults.get(module) if isinstance(defaults.get(module), dict) else defaults
            if name.startswith("mtp."):
                own = config.get("mtplx_mtp_quantization", own)
            if own["bits"] not in (2, 4, 8):
                raise SystemExit(f"{name} has {own['bits']} bits; this script unpacks 2, 4 and 8.")
            value = dequantise(value, tensors[f"{module}.scales"], tensors[f"{module}.biases"], own["group_size"], own["bits"])
        value = value.float()
        if name.endswith("conv1d.weight"):
            value = value.transpose(-1, -2)
        elif name.endswith("norm.weight") and not name.endswith(PLAIN_NORM):
            value = value - 1
        yield canonical(name), value.contiguous()


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    save_file(dict(plain(read(source), config)), out / "model.safetensors", metadata={"format": "pt"})
    kept = {key: value for key, value in config.items() if "quantization" not in key}
    (out / "config.json").write_text(json.dumps(kept, indent=2))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copyfile(source / name, out / name)


main()
