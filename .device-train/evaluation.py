"""What the model can do, measured in float32 on its stored bf16 weights: losses, acceptance, and whether answers end."""
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from export import add_to_report
from model import Speculator, load_checkpoint
from settings import DRAFT_TEMPERATURE, END_OF_TEXT, IM_END, TEMPERATURE, TOP_K, TOP_P, VOCABULARY, Folders, Settings
from speculative import free_running, served

VALIDATION_PROMPT = 200  # tokens


@torch.no_grad()
def stream_losses(model: Speculator, stream: np.ndarray, s: Settings) -> dict:
    """Loss of the trunk and each depth over random windows, and teacher-forced acceptance sum(min(p, q)) of each depth."""
    device = next(model.parameters()).device
    tokens, random = torch.from_numpy(stream.astype(np.int64)), np.random.default_rng(3)
    loss, acceptance, T = np.zeros(s.depth + 1), np.zeros(s.depth), s.sequence
    for _ in range(s.loss_batches):
        starts = random.integers(0, len(tokens) - T - s.depth - 1, s.loss_batch)
        ids = torch.stack([tokens[i:i + T + s.depth + 1] for i in starts]).to(device)
        logits = model.all_depths(ids, s.depth)
        for k, l in enumerate(logits):
            loss[k] += F.cross_entropy(l.reshape(-1, VOCABULARY), ids[:, 1 + k:1 + k + T].reshape(-1)).item() / s.loss_batches
        for k in range(1, s.depth + 1):
            p, q = served(logits[0][:, k:], TEMPERATURE), served(logits[k][:, :T - k], DRAFT_TEMPERATURE)
            acceptance[k - 1] += torch.minimum(p, q).sum(-1).mean().item() / s.loss_batches
    return {'loss': loss.tolist(), 'acceptance': acceptance.tolist()}


@torch.no_grad()
def chat_answers(model: Speculator, prompts: list[list[int]], tokens: int, seed: int) -> list[list[int]]:
    """Sampled answers up to `tokens` tokens, the end token included where one came."""
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    width = max(map(len, prompts))
    ids = torch.zeros(len(prompts), width, dtype=torch.long, device=device)  # padded on the left and masked
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt):] = torch.tensor(prompt)
        mask[row, width - len(prompt):] = 1
    out = model.trunk.generate(ids, attention_mask=mask, max_new_tokens=tokens, do_sample=True, temperature=TEMPERATURE,
                               top_k=TOP_K, top_p=TOP_P, eos_token_id=[END_OF_TEXT, IM_END], pad_token_id=END_OF_TEXT)
    answers = []
    for row in out[:, width:].tolist():
        ends = [i for i, t in enumerate(row) if t in (END_OF_TEXT, IM_END)]
        answers.append(row[:ends[0] + 1] if ends else row)
    return answers


def suite_prompts(file: Path) -> list[str]:
    """The prompts of a suite of harness/suites/: raw text without a chat form."""
    return ['\n'.join(p['lines']) + '\n' for p in json.loads(file.read_text())['prompts']]


def evaluate(s: Settings, folders: Folders, device: str, suite: Path | None) -> None:
    began = time.time()
    model, tokenizer = load_checkpoint(folders.model, device), Tokenizer.from_file(str(folders.model / 'tokenizer.json'))
    arrays, held = np.load(folders.work / 'tokens.npz'), json.loads((folders.work / 'held_out.json').read_text())
    report = {'validation': stream_losses(model, arrays['validation'], s), 'validation_chat': stream_losses(model, arrays['validation_chat'], s)}

    def done(part: str) -> None:
        print(part, report[part], round(time.time() - began), 's', flush=True)
        add_to_report(folders.model, 'evaluation', {**report, 'device': device, 'torch': torch.__version__})

    done('validation')
    done('validation_chat')
    pairs = held['chats'][:s.chat_samples]
    answers = chat_answers(model, [tokenizer.encode(prompt).ids for prompt, _ in pairs], s.chat_tokens, 31)
    ended = [a for a in answers if a[-1] == IM_END]
    report['chat_endings'] = {'answers': len(answers), 'ended': len(ended), 'share': len(ended) / len(answers), 'limit': s.chat_tokens,
                              'ended_by_end_of_text': sum(a[-1] == END_OF_TEXT for a in answers),
                              'median_tokens': float(np.median([len(a) for a in answers]))}
    done('chat_endings')
    with open(folders.model.parent / 'chat_samples.txt', 'w') as f:
        for (prompt, _), answer in list(zip(pairs, answers))[:40]:
            f.write(f'{prompt}>>>>>{tokenizer.decode(answer, skip_special_tokens=False)}\n{"=" * 80}\n')
    files = [e[:VALIDATION_PROMPT] for e in (tokenizer.encode(t[:6000]).ids for t in held['files']) if len(e) >= 2 * VALIDATION_PROMPT]
    groups = {'free_running_held_out_files': files[:32]}
    if suite:
        groups['free_running_suite'] = [tokenizer.encode(t).ids for t in suite_prompts(suite) for _ in range(s.repeats)]
    for name, prompts in groups.items():
        report[name], texts = free_running(model, prompts, s.free_tokens, s.depth, 22)
        done(name)
    with open(folders.model.parent / 'code_samples.txt', 'w') as f:
        for prompt, text in list(zip(prompts, texts))[::s.repeats]:
            f.write(f'{tokenizer.decode(prompt)}>>>>>{tokenizer.decode(text, skip_special_tokens=False)}\n{"=" * 80}\n')
