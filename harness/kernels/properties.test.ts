import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addonPath } from '../../runtime/engine/addon.ts';
import { skip } from '../../scripts/testing/skip.ts';

/** kernels/common/testing/addon: random inputs of a shape against the float64 reference, and the law of batch invariance. */
interface Checks {
  /** '' or what is wrong. */
  check(op: string, shape: Record<string, number>, seed: number): string;
  kernels(): string[];
}

const file = addonPath('mtplx-kernel-checks');
const test = suite('kernels at random shapes');
const onKernels = existsSync(file) ? test : skip(test, 'the checks are not built: npm run build:kernel-checks');
const load = (): Checks => createRequire(import.meta.url)(file) as Checks;

const upTo = (max: number) => fc.integer({ min: 1, max });
const rows = upTo(17);
const quantised = { bits: fc.constantFrom(2, 3, 4, 5, 6, 8), group: fc.constantFrom(32, 64, 128) };

const shapes: Record<string, fc.Arbitrary<Record<string, number>>> = {
  linear: fc.record({
    rows,
    outputs: upTo(90),
    groups: upTo(6),
    dtype: fc.nat(2),
    bits: fc.constantFrom(0, 2, 3, 4, 5, 6, 8),
    group: fc.constantFrom(32, 64, 128),
  }),
  embedding: fc.record({ rows, vocab: upTo(70), groups: upTo(5), ...quantised }),
  rms_norm: fc.record({ rows, width: upTo(40).map((n) => 16 * n) }),
  swiglu: fc.record({ rows, width: upTo(600) }),
  moe: fc.record({
    rows: upTo(6),
    experts: upTo(9),
    chosen: upTo(9),
    groups: upTo(3),
    hidden: upTo(3),
    width: fc.nat(2),
    normalise: fc.nat(1),
  }),
  attention: fc.record({
    rows,
    kv_heads: upTo(3),
    ratio: upTo(6),
    dim: upTo(8),
    rotary: fc.nat(64),
    past: fc.oneof(fc.nat(5), fc.nat(200)),
    gated: fc.nat(1),
  }),
  gated_delta: fc.record({
    rows: upTo(20),
    key_heads: upTo(3),
    ratio: upTo(3),
    key_dim: upTo(8),
    value_dim: upTo(8),
    taps: fc.integer({ min: 2, max: 5 }),
  }),
  candidates: fc.record({
    rows: upTo(5),
    vocab: fc.oneof(upTo(300), fc.integer({ min: 16_000, max: 40_000 })),
    count: upTo(40),
  }),
  draw: fc.record({
    rows: upTo(5),
    vocab: fc.oneof(upTo(300), fc.integer({ min: 16_000, max: 20_000 })),
    top_k: fc.nat(40),
  }),
  kv_cache: fc.record({ rows: upTo(64), heads: upTo(4), dim: upTo(8), piece: upTo(64) }),
};

onKernels('every kernel that has a reference is here', () => {
  assert.equal(load().kernels().toSorted(), Object.keys(shapes).toSorted());
});

for (const [op, shape] of Object.entries(shapes)) {
  onKernels(`${op}: within its error of the reference; a row alone, or with other threads, has the same bits`, () => {
    const checks = load();
    fc.assert(
      fc.property(shape, fc.nat(), (numbers, seed) => assert.is(checks.check(op, numbers, seed), '')),
      { numRuns: 60 },
    );
  });
}

test.run();
