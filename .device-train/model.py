"""The trunk (transformers' Qwen3_5ForCausalLM) and its MTP head."""
import copy
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.models.qwen3_5.configuration_qwen3_5 import Qwen3_5TextConfig
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5DecoderLayer, Qwen3_5ForCausalLM, Qwen3_5RMSNorm

from settings import END_OF_TEXT, VOCABULARY, Settings

TRUNK_PREFIX = 'model.language_model.'


def make_config(s: Settings) -> Qwen3_5TextConfig:
    """Every fourth layer is full attention, the others are gated delta nets."""
    return Qwen3_5TextConfig(
        vocab_size=VOCABULARY, hidden_size=s.hidden, num_hidden_layers=s.layers, intermediate_size=s.intermediate,
        num_attention_heads=s.attention_heads, num_key_value_heads=s.key_value_heads, head_dim=s.head_dim,
        linear_num_key_heads=s.linear_key_heads, linear_num_value_heads=s.linear_value_heads,
        linear_key_head_dim=s.linear_head_dim, linear_value_head_dim=s.linear_head_dim, linear_conv_kernel_dim=4,
        max_position_embeddings=8192, tie_word_embeddings=True, eos_token_id=END_OF_TEXT,
        rope_parameters={'rope_type': 'default', 'rope_theta': 100000.0, 'partial_rotary_factor': 0.25},
        layer_types=['full_attention' if i % 4 == 3 else 'linear_attention' for i in range(s.layers)])


class MtpHead(nn.Module):
    """One attention layer that maps (hidden state at i, embedding of token i+1) to the hidden state that predicts token i+2."""

    def __init__(self, config: Qwen3_5TextConfig):
        super().__init__()
        h, eps = config.hidden_size, config.rms_norm_eps
        layer_config = copy.deepcopy(config)
        layer_config.layer_types = ['full_attention']
        self.pre_fc_norm_hidden = Qwen3_5RMSNorm(h, eps)
        self.pre_fc_norm_embedding = Qwen3_5RMSNorm(h, eps)
        self.fc = nn.Linear(2 * h, h, bias=False)
        self.layers = nn.ModuleList([Qwen3_5DecoderLayer(layer_config, 0)])
        self.norm = Qwen3_5RMSNorm(h, eps)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, hidden: Tensor, embedding: Tensor, rotary) -> Tensor:
        """hidden, embedding [B, T, H]; rotary: the trunk's (cos, sin). Returns the normed state [B, T, H]."""
        x = self.fc(torch.cat([self.pre_fc_norm_embedding(embedding), self.pre_fc_norm_hidden(hidden)], -1))
        return self.norm(self.layers[0](x, position_embeddings=rotary))


class Speculator(nn.Module):
    """Trunk and head together; both use the trunk's embedding and output matrix."""

    def __init__(self, config: Qwen3_5TextConfig):
        super().__init__()
        config._attn_implementation = 'sdpa'
        self.config = config
        self.trunk = Qwen3_5ForCausalLM(config)
        self.mtp = MtpHead(config)

    def hidden(self, ids: Tensor) -> Tensor:
        return self.trunk.model(input_ids=ids, use_cache=False).last_hidden_state

    def rotary(self, hidden: Tensor):
        positions = torch.arange(hidden.shape[1], device=hidden.device)[None].expand(hidden.shape[0], -1)
        return self.trunk.model.rotary_emb(hidden, positions[None].expand(3, -1, -1))

    def embed(self, ids: Tensor) -> Tensor:
        return self.trunk.model.embed_tokens(ids)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.trunk.lm_head(hidden)

    def all_depths(self, ids: Tensor, depth: int) -> list[Tensor]:
        """ids [B, T + depth + 1] -> logits [B, T, V] of the trunk and of depths 1..depth; depth k at i predicts ids[i + k + 1]."""
        length = ids.shape[1] - depth - 1
        hidden = self.hidden(ids[:, :length])
        rotary = self.rotary(hidden)
        out = [self.logits(hidden)]
        for k in range(1, depth + 1):
            hidden = self.mtp(hidden, self.embed(ids[:, k:k + length]), rotary)
            out.append(self.logits(hidden))
        return out


def stored_tensors(model: Speculator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """bf16 tensors on the CPU under their stored names: trunk and MTP head."""
    def stored(t: Tensor) -> Tensor:
        return t.detach().to(torch.bfloat16).cpu().contiguous()
    trunk = {TRUNK_PREFIX + n.removeprefix('model.'): stored(t) for n, t in model.trunk.state_dict().items() if n != 'lm_head.weight'}
    return trunk, {'mtp.' + n: stored(t) for n, t in model.mtp.state_dict().items()}


def load_checkpoint(folder: Path, device: str) -> Speculator:
    """The stored bf16 weights as a float32 model."""
    config = Qwen3_5TextConfig(**json.loads((folder / 'config.json').read_text())['text_config'])
    model = Speculator(config).float().eval()
    trunk = {'model.' + n.removeprefix(TRUNK_PREFIX): t.float() for n, t in load_file(folder / 'model.safetensors').items()}
    missing, unexpected = model.trunk.load_state_dict(trunk, strict=False)
    if set(missing) - {'lm_head.weight'} or unexpected:
        raise ValueError(f'{folder}: missing tensors {missing}, unexpected tensors {unexpected}.')
    model.trunk.tie_weights()
    model.mtp.load_state_dict({n.removeprefix('mtp.'): t.float() for n, t in load_file(folder / 'mtp.safetensors').items()})
    return model.to(device)
