"""Every number of the recipe, for the full model and for the toy that runs the same chain on a CPU."""
from dataclasses import asdict, dataclass, replace
from pathlib import Path

SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<think>', '</think>', '<tool_call>', '</tool_call>']
END_OF_TEXT, IM_START, IM_END = 0, 1, 2
VOCABULARY = 4096

# The serving sampler of generation_config.json; drafts are drawn a little warmer.
TEMPERATURE, DRAFT_TEMPERATURE, TOP_P, TOP_K = 0.6, 0.7, 0.95, 20


@dataclass(frozen=True)
class Settings:
    # architecture
    hidden: int = 384
    layers: int = 16
    intermediate: int = 1024
    attention_heads: int = 4
    key_value_heads: int = 2
    head_dim: int = 128
    linear_key_heads: int = 2
    linear_value_heads: int = 4
    linear_head_dim: int = 128
    depth: int = 3  # recursion depth of the MTP head
    # data
    corpus_characters: int = 0  # per corpus file, 0 = all
    validation_tokens: int = 2_000_000
    chat_token_share: float = 0.04
    fill_in_token_share: float = 0.01
    longest_answer: int = 350  # tokens
    # optimisation
    sequence: int = 1024
    batch: int = 64
    seconds: float = 1200.0
    checkpoint_seconds: float = 150.0
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    mtp_weight: float = 0.5
    warm_up_share: float = 0.02
    compile: bool = True
    # evaluation
    loss_batches: int = 8
    loss_batch: int = 16
    free_tokens: int = 192
    repeats: int = 4  # of every suite prompt
    chat_samples: int = 160
    chat_tokens: int = 400
    golden_greedy: int = 64
    seed: int = 1

    def to_json(self) -> dict:
        return asdict(self)


FULL = Settings()
TOY = replace(
    FULL, hidden=64, layers=4, intermediate=128, attention_heads=2, key_value_heads=1, head_dim=32,
    linear_key_heads=1, linear_value_heads=2, linear_head_dim=32, corpus_characters=1_500_000,
    validation_tokens=40_000, sequence=128, batch=4, seconds=30.0, checkpoint_seconds=10.0, compile=False,
    loss_batches=2, loss_batch=4, free_tokens=16, repeats=1, chat_samples=6, chat_tokens=40, golden_greedy=8,
)


@dataclass(frozen=True)
class Folders:
    """corpus: corpus*.txt.xz and tokenizer.json; work: prepared tokens; out: packed checkpoints and the model."""
    corpus: Path
    work: Path
    out: Path

    @property
    def model(self) -> Path:
        return self.out / 'model'
