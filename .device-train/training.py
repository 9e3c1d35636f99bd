"""The training loop: a fixed time, a packed checkpoint every few minutes, the exported model at its end."""
import json
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from export import export_model
from model import Speculator, make_config, stored_tensors
from muon import Muon
from planes import pack
from settings import VOCABULARY, Folders, Settings
from windows import Windows, wait_for_tokens

WAIT_FOR_TOKENS = 300.0  # seconds


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.float().reshape(-1, VOCABULARY), targets.reshape(-1))


def losses(model: Speculator, ids: Tensor, depth: int, device: str) -> list[Tensor]:
    """Cross entropy of the trunk and of depths 1..depth over ids [B, T + depth + 1]."""
    length = ids.shape[1] - depth - 1
    with torch.autocast(device, torch.bfloat16, enabled=device == 'cuda'):  # few CPUs are fast in bf16
        logits = model.all_depths(ids, depth)
    return [loss_of(l, ids[:, 1 + k:1 + k + length]) for k, l in enumerate(logits)]


def rate_at(share: float, warm_up: float) -> float:
    """Share of the training time gone -> multiple of the learning rates: a ramp, a plateau, then a line down."""
    if share < warm_up:
        return share / warm_up
    return 1.0 if share < 0.5 else max(0.02, (1 - share) / 0.5)


def make_optimizers(model: Speculator, s: Settings, fused: bool):
    """Muon for the matrices inside the layers, AdamW for embeddings, norms, convolutions and the small gate projections."""
    def is_matrix(name: str, p: Tensor) -> bool:
        return p.ndim == 2 and not any(part in name for part in ('embed', 'in_proj_a', 'in_proj_b', 'lm_head'))
    named = list(model.named_parameters())
    matrices = [p for n, p in named if is_matrix(n, p)]
    rest = [p for n, p in named if not is_matrix(n, p)]
    return Muon(matrices, s.muon_rate), torch.optim.AdamW(rest, lr=s.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=fused), rest


class Checkpoints:
    """Packs the weights on another thread, so that the GPU goes on."""

    def __init__(self, folder: Path):
        self._folder, self._thread = folder, None

    def save(self, model: Speculator, facts: dict) -> None:
        if self._thread and self._thread.is_alive():
            return
        trunk, mtp = stored_tensors(model)
        self._thread = threading.Thread(target=pack, args=({**trunk, **mtp}, facts, self._folder))
        self._thread.start()

    def finish(self) -> None:
        if self._thread:
            self._thread.join()
            self._thread = None


def train(s: Settings, folders: Folders, device: str) -> None:
    torch.manual_seed(s.seed)
    torch.set_float32_matmul_precision('high')
    began = time.time()
    model = Speculator(make_config(s)).to(device)
    length = s.sequence + s.depth + 1
    print('parameters', {n: sum(p.numel() for p in m.parameters()) for n, m in model.named_children()}, flush=True)
    if s.compile:
        for layer in model.trunk.model.layers:
            layer.compile(dynamic=False)
        model.mtp.compile(dynamic=False)
        for _ in range(2):  # compiles forward and backward; no step is taken
            sum(losses(model, torch.randint(0, VOCABULARY, (s.batch, length), device=device), s.depth, device)).backward()
            model.zero_grad()
        print('compiled', round(time.time() - began), 's', flush=True)
    arrays, corpus = wait_for_tokens(folders, WAIT_FOR_TOKENS)
    windows = Windows(arrays['train'], arrays['starts'], arrays['chat_starts'], length, device, s.seed)
    muon, adam, clipped = make_optimizers(model, s, fused=device == 'cuda')
    checkpoints = Checkpoints(folders.out / 'checkpoint')
    step, saved, began = 0, 0.0, time.time()

    def facts() -> dict:
        return {'settings': s.to_json(), 'corpus': corpus, 'steps': step, 'tokens': step * s.batch * s.sequence,
                'seconds': round(time.time() - began, 1), 'torch': torch.__version__}

    while (elapsed := time.time() - began) < s.seconds:
        rate = rate_at(elapsed / s.seconds, s.warm_up_share)
        muon.param_groups[0]['lr'], adam.param_groups[0]['lr'] = s.muon_rate * rate, s.adam_rate * rate
        first, *deeper = losses(model, windows.batch(s.batch), s.depth, device)
        (first + s.mtp_weight * sum(deeper) / s.depth).backward()
        torch.nn.utils.clip_grad_norm_(clipped, 1.0)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad()
        step += 1
        if step % 100 == 0:  # also keeps the host from running far ahead of the clock
            if not np.isfinite(first.item()):
                raise FloatingPointError(f'The loss is {first.item()} at step {step}.')
            print(f'step {step} loss {first.item():.4f} mtp {[round(d.item(), 4) for d in deeper]}',
                  f'tok/s {step * s.batch * s.sequence / (time.time() - began):.0f} at {time.time() - began:.0f} s', flush=True)
        if time.time() - began - saved > s.checkpoint_seconds:
            saved = time.time() - began
            checkpoints.save(model, facts())
    checkpoints.finish()
    end = facts()
    trunk, mtp = stored_tensors(model)
    if not all(t.isfinite().all() for t in [*trunk.values(), *mtp.values()]):
        raise FloatingPointError('A trained weight is not finite.')
    export_model(trunk, mtp, end, folders.corpus / 'tokenizer.json', folders.model)
    pack({**trunk, **mtp}, end, folders.out / 'packed')
    (folders.out / 'trained.json').write_text(json.dumps(end))
    print('trained', step, 'steps,', end['tokens'], 'tokens,', torch.cuda.max_memory_allocated() / 1e9 if device == 'cuda' else '', 'GB', flush=True)
