"""Golden tensors: the stored bf16 weights run in float32 without TF32 by transformers' own code."""
import time

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel

from chat_form import message, render_prompt
from model import Speculator, load_checkpoint
from settings import Folders, Settings

CROP = 64  # positions of the MTP logits that are kept

PYTHON = '''import os
import json


class Settings:
    """Holds the settings of the application."""

    def __init__(self, path):
        self.path = path
        self.values = {}

    def load(self):
        with open(self.path) as f:
            self.values = json.load(f)

    def get(self, name, default=None):
'''
TYPESCRIPT = '''export interface CacheOptions {
  maxSize: number;
  ttl?: number;
}

export class Cache<K, V> {
  private readonly items = new Map<K, V>();

  constructor(private readonly options: CacheOptions) {}

  get(key: K): V | undefined {
    return this.items.get(key);
  }

  set(key: K, value: V): void {
'''
GO = '''Continue this code:

package queue

// Queue is a first-in first-out list of strings.
type Queue struct {
	items []string
}

// Push adds an item at the end of the queue.
func (q *Queue) Push(item string) {'''
PROMPTS = {
    'python': PYTHON,
    'typescript': TYPESCRIPT,
    'chat': render_prompt([message('system', 'You are a coding assistant.'), message('user', GO)]),
}
NOTE = ('transformers Qwen3_5ForCausalLM, stored bf16 weights run in float32 without TF32; mtpK.logits[i] is the head at position i after '
        'K recursions over the whole sequence (tokens x[i+1..i+K] given), predicting x[i+K+1]; the first 64 positions')


@torch.no_grad()
def tensors_of(model: Speculator, ids: torch.Tensor, s: Settings) -> dict[str, torch.Tensor]:
    """ids [1, T] -> input_ids, logits [T, V], hidden [T, H] (after the last norm), mtp{k}.logits [64, V], greedy ids and margins."""
    hidden = model.hidden(ids)
    rotary, state, length = model.rotary(hidden), hidden, ids.shape[1]
    out = {'input_ids': ids[0].int(), 'logits': model.logits(hidden)[0], 'hidden': hidden[0]}
    for k in range(1, s.depth + 1):
        n = length - k
        state = model.mtp(state[:, :n], model.embed(ids[:, k:]), tuple(r[:, :n] for r in rotary))
        out[f'mtp{k}.logits'] = model.logits(state)[0, :CROP]
    margins = []
    for _ in range(s.golden_greedy):
        values, best = model.logits(model.hidden(ids)[:, -1])[0].topk(2)
        margins.append(values[0] - values[1])
        ids = torch.cat([ids, best[None, :1]], 1)
    return {**out, 'greedy_ids': ids[0, length:].int(), 'greedy_margins': torch.stack(margins)}


def make_goldens(s: Settings, folders: Folders, device: str) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision('highest')
    began = time.time()
    model, tokenizer = load_checkpoint(folders.model, device), Tokenizer.from_file(str(folders.model / 'tokenizer.json'))
    golden = {}
    with sdpa_kernel(SDPBackend.MATH):
        for name, text in PROMPTS.items():
            made = tensors_of(model, torch.tensor([tokenizer.encode(text).ids], device=device), s)
            golden.update({f'{name}.{k}': v.cpu().contiguous() for k, v in made.items()})
            print(name, len(made['input_ids']), 'tokens, smallest greedy margin', made['greedy_margins'].min().item(),
                  repr(tokenizer.decode(made['greedy_ids'].tolist(), skip_special_tokens=False)), flush=True)
    save_file(golden, folders.out / 'golden.safetensors', metadata={'dtype': 'float32', 'note': NOTE, 'torch': torch.__version__})
    print('goldens', round(time.time() - began), 's', flush=True)
