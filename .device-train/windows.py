"""Training windows: random crops of the token stream, some of them set to the start of a document or of a chat."""
import json
import time

import numpy as np
import torch
from torch import Tensor

from settings import Folders

# A server begins at a document's start, which a random crop nearly never does (a file has 2,200 tokens).
AT_CHAT, AT_DOCUMENT = 0.04, 0.10


class Windows:
    def __init__(self, tokens: np.ndarray, starts: np.ndarray, chat_starts: np.ndarray, length: int, device: str, seed: int):
        self._tokens = torch.from_numpy(tokens.astype(np.int32)).to(device)
        self._last = len(tokens) - length - 1
        self._starts, self._chat_starts = starts[starts <= self._last], chat_starts[chat_starts <= self._last]
        self._span = torch.arange(length, device=device)
        self._random = np.random.default_rng(seed)

    def batch(self, rows: int) -> Tensor:
        """ids [rows, length], int64, on the device."""
        at = self._random.integers(0, self._last, rows)
        kind = self._random.random(rows)
        at = np.where(kind < AT_CHAT + AT_DOCUMENT, self._random.choice(self._starts, rows), at)
        at = np.where(kind < AT_CHAT, self._random.choice(self._chat_starts, rows), at)
        first = torch.from_numpy(at).to(self._span.device)
        return self._tokens[first[:, None] + self._span].long()


def wait_for_tokens(folders: Folders, seconds: float) -> tuple[dict, dict]:
    """The prepared arrays and counts; waits, since preparation and compilation can go on side by side."""
    began = time.time()
    while not (folders.work / 'prepared.json').exists():
        if time.time() - began > seconds:
            raise FileNotFoundError(f'No prepared.json in {folders.work}. Run the prepare stage first.')
        time.sleep(0.5)
    return dict(np.load(folders.work / 'tokens.npz')), json.loads((folders.work / 'prepared.json').read_text())
