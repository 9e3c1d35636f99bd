"""Weights in small files: bf16 values split into an exponent plane (compresses to under half) and a mantissa plane (does not)."""
import hashlib
import json
import lzma
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PART_BYTES = 15 << 20


def pack(tensors: dict[str, Tensor], facts: dict, folder: Path) -> None:
    """Writes weights.json and the planes in parts (exponent.NN, xz; mantissa.NN, raw); the folder appears complete or not at all."""
    names = sorted(tensors)
    bits = np.concatenate([tensors[n].reshape(-1).view(torch.int16).numpy().view(np.uint16) for n in names])
    turned = (bits << 1) | (bits >> 15)  # sign last: the upper byte is the whole exponent
    planes = {'exponent': lzma.compress((turned >> 8).astype(np.uint8).tobytes(), preset=1), 'mantissa': turned.astype(np.uint8).tobytes()}
    fresh, old = folder.with_suffix('.new'), folder.with_suffix('.old')
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    for plane, content in planes.items():
        for part in range(0, len(content), PART_BYTES):
            (fresh / f'{plane}.{part // PART_BYTES:02d}').write_bytes(content[part:part + PART_BYTES])
    shapes = {n: list(tensors[n].shape) for n in names}
    (fresh / 'weights.json').write_text(json.dumps({'sha256': hashlib.sha256(bits.tobytes()).hexdigest(), 'shapes': shapes, 'facts': facts}))
    if folder.exists():
        os.rename(folder, old)
    os.rename(fresh, folder)


def unpack(folder: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors and the facts of a packed folder. Raises ValueError where a part is missing or damaged."""
    about = json.loads((folder / 'weights.json').read_text())

    def plane(name: str) -> bytes:
        return b''.join(f.read_bytes() for f in sorted(folder.glob(name + '.*')))

    high = np.frombuffer(lzma.decompress(plane('exponent')), np.uint8).astype(np.uint16)
    low = np.frombuffer(plane('mantissa'), np.uint8).astype(np.uint16)
    if len(high) != len(low):
        raise ValueError(f'{folder}: {len(high)} exponents and {len(low)} mantissas; a part is missing.')
    turned = (high << 8) | low
    bits = (turned >> 1) | (turned << 15)
    if hashlib.sha256(bits.tobytes()).hexdigest() != about['sha256']:
        raise ValueError(f'{folder}: the weights do not have the hash that weights.json names; a part is damaged.')
    tensors, at = {}, 0
    for name, shape in about['shapes'].items():
        size = int(np.prod(shape))
        tensors[name] = torch.from_numpy(bits[at:at + size].view(np.int16).copy()).view(torch.bfloat16).reshape(shape)
        at += size
    return tensors, about['facts']
