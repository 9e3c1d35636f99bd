import type { Contract } from '../contract.ts';

/** Contracts, for tests. */

const evidence = { gate: 'Phase 0H paged-verifier smoke', context: 2048, max_abs_diff: 0, evidence: 'x' };

/** As the Python original writes them. */
export const originals = {
  optimized: {
    mtplx_version: '0.1.0-preview',
    arch_id: 'qwen3-next-mtp',
    mtp_depth_max: 3,
    recommended_profile: 'stable',
    exactness_baseline: { ...evidence, attention_impl: 'mlx_vector_paged' },
    verified_on: {
      timestamp: '2026-05-02T02:23:23+0100',
      hardware: 'Apple M5 Max, 128 GB unified memory',
      machine_arch: 'arm64',
      macos: '26.3.1',
      model: 'Qwen3.6-27B',
      sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
    },
  },
  flat: {
    mtplx_version: '0.1.0-preview',
    arch_id: 'qwen3-next-mtp',
    mtp_depth_max: 3,
    recommended_profile: 'performance-cold',
    exactness_baseline: {
      gate: 'phase0h-paged-verifier-exactness',
      mode: 'decode-from-stock-prefix',
      context: 64,
      verify_tokens: 4,
      max_abs_diff: 0.0,
      sample_agreement: 1.0,
      topk_overlap_ratio: 1.0,
      total_variation: 0.0,
      status: 'passed',
    },
    verified_on: {},
    artifact_role: 'maximum-speed-flat4-candidate',
    base_trunk: 'mlx-community/Qwen3.6-27B-4bit',
    mtp_sidecar: 'Qwen3.6-27B-MTPLX-CyanKiwi-Packed-BF16-INT4-v3',
  },
  small: {
    mtplx_version: '0.1.0-preview',
    arch_id: 'qwen3-next-mtp',
    mtp_depth_max: 2,
    recommended_profile: 'performance-cold',
    exactness_baseline: { gate: 'mtp1-greedy-ar-equivalence', max_tokens: 16, matches: 1, total: 1, status: 'passed' },
    verified_on: { timestamp: 'x', hardware: 'y', machine_arch: 'arm64', model: 'z' },
    recommended_draft_lm_head: { bits: 4, group_size: 64, mode: 'affine' },
    recommended_draft_sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
    speed_evidence: {
      ar_tok_s: 108.405,
      mtp_tok_s: 120.056,
      speedup_vs_ar: 1.107,
      mtp_depth: 2,
      acceptance_by_depth: [0.667, 0.222],
      accepted_drafts: 16,
      generated_tokens: 48,
      draft_temperature: 0.6,
      draft_lm_head: 'text',
      enable_thinking: false,
    },
  },
};

/** One of ours. */
export function aContract(change: Partial<Contract> = {}): Contract {
  const sampler = { temperature: 0.6, top_p: 0.95, top_k: 20 };
  return {
    mtplx_version: '0.1.0',
    arch_id: 'qwen3-next-mtp',
    mtp_depth_max: 5,
    recommended_profile: 'stable',
    exactness_baseline: {
      gate: 'verify-vs-ar',
      context: 2000,
      max_abs_diff: 0,
      status: 'passed',
      evidence: 'verify-vs-ar passed',
    },
    verified_on: {
      timestamp: '2026-11-24T18:00:00.000Z',
      hardware: 'a CPU',
      machine_arch: 'x64',
      os: 'linux',
      model: 'model',
      sampler,
    },
    contract_version: 1,
    status: 'verified',
    scale: 'standard',
    model_hash: 'a'.repeat(64),
    backend: 'cpu',
    numerics_version: 1,
    kernel_build: { mlx: '0.32.4', isa: 'avx2', threads: 2, compiler: 'g++ 12' },
    source: { commit: null, dirty: null },
    gates: [
      {
        gate: 'verify-vs-ar',
        status: 'passed',
        cases: 4,
        controls: 1,
        figures: { compared: 1000, differing: 0, max_diff: 0, list: [1, 2] },
        problem: null,
      },
      { gate: 'reference', status: 'absent', cases: 0, controls: 0, figures: {}, problem: 'no golden tensors' },
    ],
    sampler,
    acceptance_by_depth: { '1': { per_step: [0.8], accepted_length: 1.8, cycles: 100 } },
    speed_evidence: {
      suite: 'cold-long-code-192',
      suite_sha256: 'b'.repeat(64),
      prompts: 6,
      max_tokens: 192,
      ar_tok_s: 200,
      mtp_tok_s: 360,
      speedup_vs_ar: 1.8,
      speedup_interval: [1.7, 1.9],
      mtp_depth: 4,
      by_depth: { '1': 1.3, '4': 1.8 },
    },
    recommended_depth: 4,
    ...change,
  };
}
