"""Writes a model folder in the Hugging Face layout of Qwen3.5."""
import json
import shutil
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from chat_form import CHAT_TEMPLATE
from model import TRUNK_PREFIX, make_config
from settings import END_OF_TEXT, IM_END, TEMPERATURE, TOP_K, TOP_P, Settings


def write_json(file: Path, value: dict) -> None:
    file.write_text(json.dumps(value, indent=1) + '\n')


def text_config(settings: Settings) -> dict:
    """The text part of config.json: what transformers keeps, and what readers of the MTP head need."""
    kept = make_config(settings).to_dict()
    drop = ('transformers_version', 'architectures', 'id2label', 'label2id', 'problem_type', '_name_or_path', 'dtype')
    kept = {k: v for k, v in kept.items() if v is not None and k not in drop}
    return {**kept, 'eos_token_id': END_OF_TEXT, 'partial_rotary_factor': 0.25, 'model_type': 'qwen3_5_text', 'full_attention_interval': 4,
            'attn_output_gate': True, 'mtp_num_hidden_layers': 1, 'mtp_use_dedicated_embeddings': False, 'dtype': 'bfloat16'}


def export_model(trunk: dict[str, Tensor], mtp: dict[str, Tensor], facts: dict, tokenizer: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(**facts['settings'])
    save_file(trunk, folder / 'model.safetensors', metadata={'format': 'pt'})
    save_file(mtp, folder / 'mtp.safetensors', metadata={'format': 'pt'})
    where = {**{n: 'model.safetensors' for n in trunk}, **{n: 'mtp.safetensors' for n in mtp}}
    size = sum(t.numel() * t.element_size() for t in [*trunk.values(), *mtp.values()])
    write_json(folder / 'model.safetensors.index.json', {'metadata': {'total_size': size}, 'weight_map': dict(sorted(where.items()))})
    write_json(folder / 'config.json', {'architectures': ['Qwen3_5ForConditionalGeneration'], 'model_type': 'qwen3_5',
                                        'tie_word_embeddings': True, 'text_config': text_config(settings)})
    write_json(folder / 'generation_config.json', {'eos_token_id': [END_OF_TEXT, IM_END], 'do_sample': True,
                                                   'temperature': TEMPERATURE, 'top_p': TOP_P, 'top_k': TOP_K})
    write_json(folder / 'tokenizer_config.json', {'tokenizer_class': 'PreTrainedTokenizerFast', 'eos_token': '<|endoftext|>',
                                                  'model_max_length': 8192, 'chat_template': CHAT_TEMPLATE})
    shutil.copy(tokenizer, folder / 'tokenizer.json')
    write_json(folder / 'train_report.json', {'training': facts})


def split_tensors(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Unpacked tensors -> (trunk, MTP head)."""
    return ({n: t for n, t in tensors.items() if n.startswith(TRUNK_PREFIX)}, {n: t for n, t in tensors.items() if n.startswith('mtp.')})


def add_to_report(folder: Path, part: str, value: dict) -> None:
    file = folder / 'train_report.json'
    write_json(file, {**json.loads(file.read_text()), part: value})
