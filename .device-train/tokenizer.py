"""The tokenizer: byte-level BPE with the Qwen2 pre-tokenizer, trained on a sample of the corpus; and its check."""
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from chat_form import check_template, message, render_document
from prepare import read_corpus
from settings import SPECIAL_TOKENS, VOCABULARY, Folders, Settings

QWEN2_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SAMPLE = 8000  # documents


def train_tokenizer(s: Settings, folders: Folders) -> None:
    """Writes tokenizer.json beside the corpus; refuses to replace one."""
    file = folders.corpus / 'tokenizer.json'
    if file.exists():
        raise FileExistsError(f'{file} exists. The stored model belongs to its tokenizer: move it away to train another.')
    documents = read_corpus(folders.corpus, s.corpus_characters)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_SPLIT), 'isolated'), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL_TOKENS, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    random.Random(s.seed).shuffle(documents)
    tokenizer.train_from_iterator(documents[:SAMPLE], trainer)
    tokenizer.save(str(file))


def check_tokenizer(file: Path) -> None:
    """Raises AssertionError unless ids, sizes, round trips and the chat form are what the model and the runtime expect."""
    check_template()
    tokenizer = Tokenizer.from_file(str(file))
    assert tokenizer.get_vocab_size() == VOCABULARY, f'{file}: {tokenizer.get_vocab_size()} tokens, {VOCABULARY} expected.'
    for i, token in enumerate(SPECIAL_TOKENS):
        assert tokenizer.token_to_id(token) == i, f'{file}: {token} has id {tokenizer.token_to_id(token)}, {i} expected.'
    for text in ['def f(x):\n\treturn x  # ünï 漢字 🎉\r\n\n\n', "it's  1234 <|im", ''.join(map(chr, range(32, 1000)))]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text, f'{file}: {text!r} does not come back.'
    ids = tokenizer.encode(render_document([message('user', 'a')], 'b')).ids
    assert [i for i in ids if i < len(SPECIAL_TOKENS)] == [1, 2, 1, 3, 4, 2], f'{file}: special tokens of the chat form are split: {ids}.'
    print('tokenizer ok')
