import type { Cost, Figures, Finding, Gate, GateCase, GateContext, ModelFacts } from './gate.ts';
import { cropOf, type Golden, goldenFile, readGoldens, trunkRows } from './goldens.ts';
import { draftOf, overlap, rowAt, targetOf } from './head/overlap.ts';
import { pairedInterval, warmRows, type Wiring, wiringBlocks, windowRows, wirings } from './head/variants.ts';
import type { Scale } from './scale.ts';

/** Largest difference of the mean overlap from the goldens'. */
const overlapBound = 0.002;
/** Positions of a control, where the vocabulary allows as many. */
const controlRows = 240;
const wrongWirings = wirings.filter((wiring) => wiring !== 'right');

/** The MTP head is wired right: it drafts what the goldens draft, and better than three wrong heads. */
export const head: Gate = {
  name: 'head',
  claim: 'Σ min(p, q) is that of the goldens to 0.002, and above that of wrong heads by an interval that excludes 0',
  control:
    'each of the wrong heads (swapped inputs, hidden rows before the norm, cold cache) in the place of the right one',
  absent: ({ mtp }) => (mtp ? null : 'the model has no MTP head'),
  cases: (scale, facts) => [
    ...(facts.goldens
      ? [{ key: 'goldens', control: false, cost: { prefill: 1200, seconds: 1 }, run: compareOverlap }]
      : []),
    ...windows(scale, facts).map(({ begin, rows }, i): GateCase => ({
      key: `window ${i + 1}`,
      control: false,
      cost: windowCost(facts.vocabSize, rows),
      run: (context) => measureWindow(context, begin, rows),
    })),
    ...wrongWirings.map((wiring): GateCase => ({
      key: `control: ${wiring}`,
      control: true,
      cost: windowCost(facts.vocabSize, controlRows),
      run: (context) => controlOf(context, wiring),
    })),
  ],
  verdict,
  summarise: (figures) => ({
    ...figures.find((figure) => figure['overlap_golden'] !== undefined),
    ...comparisons(figures),
  }),
};

function windows({ head_tokens: tokens }: Scale, { vocabSize }: ModelFacts): { begin: number; rows: number }[] {
  const rows = windowRows(vocabSize);
  return Array.from({ length: Math.ceil(tokens / rows) }, (_, i) => ({ begin: i * rows, rows }));
}

/** The trunk once, the head four times, and five filtered rows a position. */
function windowCost(vocabSize: number, rows: number): Cost {
  return { prefill: 2 * rows, steps: rows / 20, seconds: 0.3 + 3e-8 * rows * vocabSize };
}

async function measureWindow(context: GateContext, begin: number, rows: number): Promise<Finding> {
  const length = context.tokens.length - warmRows - rows - 1;
  // A text that is too short is read again from another place.
  const figures = await wiringBlocks(context, begin <= length ? begin : (begin * 7) % length, rows);
  return { passed: true, figures, problem: null };
}

/** A wrong head as the right one must be worse for sure, not merely unproven for lack of positions. */
async function controlOf(context: GateContext, wiring: Wiring): Promise<Finding> {
  const rows = Math.min(controlRows, windowRows(context.model.request.spec.vocabSize));
  const { figures } = await measureWindow(context, 0, rows);
  const { mean, low, high } = pairedInterval(figures[wiring] as number[], figures['right'] as number[]);
  const passed = !(high < 0);
  const problem = passed ? null : `${wiring} against right: ${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
  return { passed, figures: {}, problem };
}

/** Mean overlaps and paired differences, over all windows. */
function comparisons(figures: readonly Figures[]): Figures {
  const all = (wiring: Wiring): number[] => figures.flatMap((figure) => (figure[wiring] as number[] | undefined) ?? []);
  const right = all('right');
  const result: Figures = { blocks: right.length, overlap: right.reduce((a, b) => a + b, 0) / right.length };
  for (const wiring of wrongWirings) {
    const { mean, low, high } = pairedInterval(right, all(wiring));
    result[`better_than_${wiring.replace(/\W/g, '_')}`] = [mean, low, high];
  }
  return result;
}

function verdict(figures: readonly Figures[]): string | null {
  for (const [name, interval] of Object.entries(comparisons(figures))) {
    if (!Array.isArray(interval)) continue;
    const [mean, low, high] = interval as [number, number, number];
    if (!(low > 0)) return `${name}: ${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}] does not exclude 0`;
  }
  return null;
}

async function compareOverlap({ model, folder }: GateContext): Promise<Finding> {
  const texts = await readGoldens(goldenFile(folder.folder)!);
  const { vocabSize, hiddenSize } = model.request.spec;
  const found: number[] = [];
  const expected: number[] = [];
  for (const golden of texts) {
    const { logits, hidden } = await trunkRows(model, golden.ids);
    const rows = golden.ids.length - 1;
    const drafted = await model.mtpForward(hidden.subarray(0, rows * hiddenSize), golden.ids.subarray(1));
    for (const { draftRow, goldenDraft, goldenTarget } of rowsOf(golden, vocabSize)) {
      const target = rowAt(logits, draftRow + 1, vocabSize);
      found.push(overlap(targetOf(target), draftOf(rowAt(drafted.logits, draftRow, vocabSize))));
      expected.push(overlap(targetOf(goldenTarget), draftOf(goldenDraft)));
    }
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const difference = Math.abs(mean(found) - mean(expected));
  const passed = found.length > 0 && difference <= overlapBound;
  return {
    passed,
    figures: { overlap_golden: mean(expected), overlap_difference: difference, overlap_positions: found.length },
    problem: passed ? null : `Σ min(p, q) is ${mean(found)}, the goldens' ${mean(expected)}`,
  };
}

/** Rows of the head that a golden has together with the trunk's row after it. */
function rowsOf(golden: Golden, vocabSize: number) {
  const { ids, logits, mtp } = golden;
  const kept = mtp[0]!.logits.length / vocabSize;
  const first = cropOf(golden) === 'first' ? 0 : ids.length - 1 - kept;
  const firstTarget = ids.length - logits.length / vocabSize;
  return Array.from({ length: kept }, (_, i) => first + i)
    .filter((draftRow) => draftRow + 1 >= firstTarget)
    .map((draftRow) => ({
      draftRow,
      goldenDraft: rowAt(mtp[0]!.logits, draftRow - first, vocabSize),
      goldenTarget: rowAt(logits, draftRow + 1 - firstTarget, vocabSize),
    }));
}
