import type { FamilyName } from '../engine/types.ts';

/** `model_type` of config.json (outer or text_config's) → the family that runs it. */
export const families: Readonly<Record<string, FamilyName>> = {
  qwen3_5: 'qwen3_5',
  qwen3_5_text: 'qwen3_5',
  qwen3_5_moe: 'qwen3_5_moe',
  qwen3_5_moe_text: 'qwen3_5_moe',
  qwen3_next: 'qwen3_next',
};

/** Drafters are not models of their own; they load beside their target. */
export const drafterType = 'qwen3_5_mtp';

/** Families that we know by name and cannot run, with what people call them. */
export const withoutBackend: Readonly<Record<string, string>> = {
  deepseek_v3: 'DeepSeek V3',
  deepseek_v32: 'DeepSeek V3.2',
  deepseek_v4: 'DeepSeek V4',
  ernie4_5: 'Ernie 4.5',
  ernie4_5_moe: 'Ernie 4.5 MoE',
  exaone4: 'EXAONE 4',
  exaone_moe: 'EXAONE MoE',
  gemma3: 'Gemma 3',
  gemma3_text: 'Gemma 3',
  gemma4: 'Gemma 4',
  glm4_moe: 'GLM-4.5',
  glm4_moe_lite: 'GLM-4.7 Flash',
  glm_moe_dsa: 'GLM-5',
  gpt_oss: 'gpt-oss',
  hunyuan_v3: 'HunYuan V3',
  kimi_k2: 'Kimi K2',
  llama: 'Llama',
  longcat_flash: 'LongCat Flash',
  mimo: 'MiMo',
  mimo_v2_flash: 'MiMo V2',
  minimax_m2: 'MiniMax M2',
  mistral: 'Mistral',
  mixtral: 'Mixtral',
  nemotron_h: 'Nemotron-H',
  phi3: 'Phi-3',
  qwen2: 'Qwen2',
  qwen2_moe: 'Qwen2 MoE',
  qwen3: 'Qwen3',
  qwen3_moe: 'Qwen3 MoE',
  qwen4: 'Qwen4',
  step3p5: 'Step 3.5',
};
