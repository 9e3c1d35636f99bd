const vision = /(?:^|\.)(?:visual|vision_tower)\./;
const prefix = /^(?:model\.language_model\.|language_model\.model\.|language_model\.|model\.)?(.*)$/s;

/**
 * The canonical name (Hugging Face's without prefix) of a tensor or module in any packaging; null for the vision part.
 * `model.language_model.layers.0.mlp.gate_proj.weight` → `layers.0.mlp.gate_proj.weight`, `language_model.mtp.fc.weight`
 * and `model.mtp.fc.weight` → `mtp.fc.weight`, MLX's `mlp.switch_mlp.` → `mlp.experts.`.
 */
export function canonicalName(key: string): string | null {
  if (vision.test(key)) return null;
  return prefix.exec(key)![1]!.replace('.mlp.switch_mlp.', '.mlp.experts.');
}

/** In a file that holds nothing but an MTP head, keys may stand bare: `fc.weight`, `layers.0.…`, `norm.weight`. */
export function canonicalDrafterName(key: string): string | null {
  const name = canonicalName(key);
  return name === null || name.startsWith('mtp.') ? name : `mtp.${name}`;
}

/** `mtp.` tensors are the head's, all others the trunk's. */
export function isMtpName(name: string): boolean {
  return name.startsWith('mtp.');
}
