"""Corpus files -> shuffled token streams for training and validation, with the starts of their documents."""
import json
import lzma
import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from chat_documents import chats, fill_ins
from settings import END_OF_TEXT, SPECIAL_TOKENS, Folders, Settings


def read_corpus(folder: Path, characters: int) -> list[str]:
    """The documents of corpus*.txt.xz (NUL between them); `characters` > 0 reads only so much of each file."""
    files = sorted(folder.glob('corpus*.txt.xz'))
    if not files:
        raise FileNotFoundError(f'No corpus*.txt.xz in {folder}. Build it with the collect stage or copy it there.')

    def read(file: Path) -> list[str]:
        with lzma.open(file, 'rt', encoding='utf-8', newline='') as f:
            documents = f.read(characters or -1).split('\x00')
        return documents[:-1] if characters else documents

    with ThreadPoolExecutor(2) as pool:
        return [d for part in pool.map(read, files) for d in part]


def encode(tokenizer: Tokenizer, texts: list[str], tail: list[int]) -> list[np.ndarray]:
    return [np.array(e.ids + tail, dtype=np.uint16)
            for i in range(0, len(texts), 4000) for e in tokenizer.encode_batch_fast(texts[i:i + 4000])]


def take_tokens(arrays: list[np.ndarray], tokens: int) -> list[np.ndarray]:
    """The first arrays that hold `tokens` tokens together; fails if there are too few."""
    total = np.cumsum([len(a) for a in arrays])
    if not len(total) or total[-1] < tokens:
        raise ValueError(f'Only {total[-1] if len(total) else 0} of {tokens} tokens were made. Make more candidates.')
    return arrays[:int(np.searchsorted(total, tokens)) + 1]


def make_chats(tokenizer: Tokenizer, documents: list[str], tokens: int, longest: int, seed: int):
    """Encoded chat documents of about `tokens` tokens, and their (prompt, answer) texts."""
    made = list(islice(chats(random.Random(seed), documents), max(40, tokens // 130)))
    lengths = [len(e.ids) for e in tokenizer.encode_batch_fast([answer for _, _, answer in made])]
    kept = [m for m, n in zip(made, lengths) if n <= longest]
    arrays = take_tokens(encode(tokenizer, [document for _, document, _ in kept], [END_OF_TEXT]), tokens)
    return arrays, [(prompt, answer) for prompt, _, answer in kept[:len(arrays)]]


def prepare(settings: Settings, folders: Folders) -> None:
    began = time.time()
    folders.work.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(folders.corpus / 'tokenizer.json'))
    documents = read_corpus(folders.corpus, settings.corpus_characters)
    random.Random(1).shuffle(documents)
    print('read', len(documents), 'documents,', sum(map(len, documents)), 'characters', round(time.time() - began), 's', flush=True)
    plain = encode(tokenizer, documents, [END_OF_TEXT])
    if any((a[:-1] < len(SPECIAL_TOKENS)).any() for a in plain):
        raise ValueError('A source file holds a special token of the tokenizer. Remove it from the corpus.')
    held, tokens = 0, 0  # held out: whole files at the end of the shuffled list
    while tokens < settings.validation_tokens:
        held += 1
        tokens += len(plain[-held])
    train_documents, held_documents = documents[:-held], documents[-held:]
    train_tokens = sum(map(len, plain[:-held]))
    print('encoded', round(time.time() - began), 's', flush=True)

    chat_tokens = int(train_tokens * settings.chat_token_share)
    chat, _ = make_chats(tokenizer, train_documents, chat_tokens, settings.longest_answer, 2)
    held_chat, held_pairs = make_chats(tokenizer, held_documents, int(tokens * settings.chat_token_share), settings.longest_answer, 3)
    fill_tokens = int(train_tokens * settings.fill_in_token_share)
    fills = list(islice(fill_ins(random.Random(4), train_documents), max(40, fill_tokens // 150)))
    fill = take_tokens(encode(tokenizer, fills, [END_OF_TEXT]), fill_tokens)
    print(len(chat), 'chats,', len(fill), 'fill-ins', round(time.time() - began), 's', flush=True)

    kinds = [(a, False) for a in plain[:-held]] + [(a, True) for a in chat] + [(a, False) for a in fill]
    random.Random(5).shuffle(kinds)
    starts = np.cumsum([0] + [len(a) for a, _ in kinds])[:-1]
    np.savez(folders.work / 'tokens.npz', train=np.concatenate([a for a, _ in kinds]), starts=starts,
             chat_starts=starts[[is_chat for _, is_chat in kinds]], validation=np.concatenate(plain[-held:]),
             validation_chat=np.concatenate(held_chat))
    json.dump({'files': held_documents[:400], 'chats': held_pairs}, open(folders.work / 'held_out.json', 'w'))
    counts = {
        'documents': len(documents), 'characters': sum(map(len, documents)), 'training_tokens': int(starts[-1] + len(kinds[-1][0])),
        'validation_documents': held, 'validation_tokens': tokens, 'chat_documents': len(chat),
        'chat_tokens': int(sum(map(len, chat))), 'fill_in_documents': len(fill), 'fill_in_tokens': int(sum(map(len, fill))),
    }
    # Written last: its presence says that the stage is done.
    (folders.work / 'prepared.json').write_text(json.dumps(counts))
    print('prepared', counts, round(time.time() - began), 's', flush=True)
