"""Free-running speculative sampling in the form a serving engine uses, batched over prompts (no caches: plain and slow)."""
import torch
from torch import Tensor

from model import Speculator
from settings import DRAFT_TEMPERATURE, TEMPERATURE, TOP_K, TOP_P, VOCABULARY


def served(logits: Tensor, temperature: float) -> Tensor:
    """Logits [..., V] -> probabilities after temperature, top-k, then top-p."""
    values, ids = (logits.float() / temperature).topk(min(TOP_K, VOCABULARY), -1)
    p = values.softmax(-1)
    p = torch.where(p.cumsum(-1) - p < TOP_P, p, torch.zeros_like(p))
    return torch.zeros_like(logits, dtype=torch.float32).scatter(-1, ids, p / p.sum(-1, keepdim=True))


def draw(p: Tensor) -> Tensor:
    return torch.multinomial(p, 1)[:, 0]


@torch.no_grad()
def free_running(model: Speculator, prompts: list[list[int]], tokens: int, depth: int, seed: int) -> tuple[dict, list[list[int]]]:
    """Leviathan–Chen acceptance over `tokens` tokens a prompt, stop tokens ignored.

    Positions before the drafts are seen by the head through their true depth-1 rows, draft rows are appended to them:
    what a key-value cache holds. Returns counts and the generated ids.
    """
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    rows = torch.arange(len(prompts), device=device)
    begin = torch.tensor([len(p) for p in prompts], device=device)
    length = int(begin.max()) + tokens + 2 * depth + 2
    x = torch.zeros(len(prompts), length, dtype=torch.long, device=device)
    for row, prompt in enumerate(prompts):
        x[row, :len(prompt)] = torch.tensor(prompt, device=device)
    hidden = model.hidden(x)
    rotary = model.rotary(hidden)
    tried, kept, cycles, made = torch.zeros(depth), torch.zeros(depth), 0, 0
    x[rows, begin] = draw(served(model.logits(hidden[rows, begin - 1]), TEMPERATURE))
    n = begin + 1  # tokens known in each row
    while (live := n - begin < tokens).any():
        drafts, inputs = [], hidden.clone()
        for k in range(depth):
            # Input row i holds the hidden state of token i and the embedding of token i + 1.
            embedding = model.embed(torch.cat([x[:, 1:], x.new_zeros(len(prompts), 1)], 1))
            state = model.mtp(inputs, embedding, rotary)[rows, n - 2 + k]
            inputs[rows, n - 1 + k] = state
            drafts.append(served(model.logits(state), DRAFT_TEMPERATURE))
            x[rows, n + k] = draw(drafts[-1])
        hidden = model.hidden(x)
        targets = [served(model.logits(hidden[rows, n - 1 + k]), TEMPERATURE) for k in range(depth + 1)]
        reached, accepted = live.clone(), torch.zeros_like(n)
        following = draw(targets[depth])
        for k in range(depth):
            token = x[rows, n + k]
            taken = reached & (torch.rand(len(prompts), device=device) * drafts[k][rows, token] < targets[k][rows, token])
            rest = (targets[k] - drafts[k]).clamp(min=0)
            rest = torch.where(rest.sum(-1, keepdim=True) > 0, rest, targets[k])
            following = torch.where(reached & ~taken, draw(rest), following)
            tried[k] += reached.sum().item()
            kept[k] += taken.sum().item()
            accepted, reached = accepted + taken, taken
        cycles += live.sum().item()
        made += ((accepted + 1) * live).sum().item()
        x[rows, torch.where(live, n + accepted, torch.full_like(n, length - 1))] = following
        n = torch.where(live, n + accepted + 1, n)
    texts = [x[row, begin[row]:n[row]].tolist() for row in range(len(prompts))]
    return {'prompts': len(prompts), 'tokens': made, 'cycles': cycles, 'tokens_per_cycle': made / cycles,
            'accepted_given_reached': (kept / tried.clamp(min=1)).tolist()}, texts
