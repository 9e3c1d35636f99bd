import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRecord } from '../harness/record.ts';
import type { MtplxError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package.ts';
import { Int32 } from 'apache-arrow';
import type { ReportRecord } from './record.ts';
import { makeReport, type ReportFiles, writeReport } from './report.ts';
import { benchRows, breakdownResult, description, differenceRows, record, thermalRows } from './testing/records.ts';

const test = suite('reports');

const whole: ReportRecord = {
  ...record([
    ...benchRows(),
    ...benchRows('coupled'),
    ...thermalRows(120, (second) => 40 + second / 10),
    ...differenceRows(),
  ]),
  result: breakdownResult(),
};
const names = [
  'speed-by-depth',
  'acceptance-by-position',
  'cycle-cost',
  'cycle-shares',
  'cost-of-rows',
  'throughput',
  'logit-differences',
];

function digests(files: ReportFiles): [string, string][] {
  return [...files].map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]);
}

function svg(files: ReportFiles, name: string): string {
  return String(files.get(`${name}.svg`));
}

/** Texts that a person sees. */
function textsOf(image: string): string[] {
  assert.not.match(image, /<text[^>]* opacity="0"/);
  return [...image.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) =>
    text!.replaceAll('&gt;', '>').replaceAll('&lt;', '<'),
  );
}

test('a record that holds everything gives all figures', async () => {
  const files = await makeReport([whole]);
  assert.equal([...files.keys()], ['report.md', ...names.flatMap((name) => [`${name}.svg`, `${name}.png`])]);
  const text = String(files.get('report.md'));
  for (const name of names) assert.match(text, `(${name}.svg)`);
  assert.match(text, 'A CPU of 3 GHz');
  for (const name of names) {
    const png = files.get(`${name}.png`) as Uint8Array;
    assert.equal([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
    assert.ok(png.length > 5_000);
  }
});

test('the same record gives the same bytes, whatever was drawn before, in any process', async () => {
  const expected = digests(await makeReport([whole]));
  await makeReport([record(benchRows()), record(thermalRows(30, null), 'other')]);
  assert.equal(digests(await makeReport([whole])), expected);
  const script = `
    import { createHash } from 'node:crypto';
    const { makeReport } = await import('./reports/report.ts');
    const r = await import('./reports/testing/records.ts');
    const rows = [...r.benchRows(), ...r.benchRows('coupled'), ...r.thermalRows(120, (s) => 40 + s / 10), ...r.differenceRows()];
    const files = [...(await makeReport([{ ...r.record(rows), result: r.breakdownResult() }]))];
    console.log(JSON.stringify(files.map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')])));`;
  const env = { ...process.env, TZ: 'Asia/Kathmandu', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' };
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: packageRoot, env });
  assert.equal(JSON.parse(String(out)), expected);
});

test('labels stand in the figures, and none is hidden', async () => {
  const files = await makeReport([whole]);
  const seen = names.map((name) => textsOf(svg(files, name)));
  const expected = [
    ['Speed by depth', 'measured', 'plain decoding', 'drafts a cycle', 'tokens a second', 'leviathan', 'coupled', '3'],
    ['accepted at i ÷ cycles', '100%', 'position i in the cycle', 'leviathan, mtp-d3'],
    ['commit', 'verify', 'outside: hop and TypeScript', 'milliseconds'],
    ['1 thread', '2 threads', 'matmul', 'GDN', 'hop to the engine and back', 'TypeScript', 'share of a cycle', '100%'],
    ['verify M rows', 'M separate steps', 'rows M', '4'],
    ['Throughput over time', 'temperature, °C', 'mtp-d3', 'minutes'],
    ['reference', 'verify-vs-ar', '0', '2⁻²⁰', 'logits'],
  ];
  expected.forEach((texts, i) => {
    for (const text of texts)
      assert.ok(seen[i]!.includes(text), `${names[i]} lacks "${text}": ${seen[i]!.join(' | ')}`);
  });
});

test('a figure is shown when the records hold its data', async () => {
  const shown = async (rows: ReportRecord['rows']): Promise<string[]> =>
    [...(await makeReport([record([...rows])])).keys()].filter((name) => name.endsWith('.svg'));
  assert.equal(await shown([]), []);
  assert.equal(await shown([{ unit: 'a', seconds: 1 }]), []);
  assert.equal(await shown(thermalRows(20, null)), ['throughput.svg']);
  // Without plain decoding nothing says what a speed is to be compared with.
  assert.equal(await shown(benchRows().filter(({ depth }) => depth !== 0)), ['acceptance-by-position.svg']);
});

test('a machine without sensor is told so, one with has a panel', async () => {
  const texts = async (temperature: Parameters<typeof thermalRows>[1]): Promise<string> =>
    textsOf(svg(await makeReport([record(thermalRows(30, temperature))]), 'throughput')).join('\n');
  assert.match(await texts(null), 'This machine shows no temperature sensor.');
  assert.not.match(await texts(null), '°C');
  assert.not.match(await texts(() => 50), 'no temperature sensor');
});

test('speeds and ratios are those of the rows', async () => {
  const text = String((await makeReport([record(benchRows())])).get('report.md'));
  // 8 tokens in 8 steps of 10 ms; 7 tokens in 4 cycles of 12 ms; 12 in 4 of 16 ms.
  assert.match(text, '|  |  | ar | 100.0 | 1.00× | 1.00 | 10.00 | 8 |');
  assert.match(text, '|  |  | mtp-d1 | 145.8 | 1.46× | 1.75 | 12.00 | 4 |');
  assert.match(text, '|  |  | mtp-d3 | 187.5 | 1.88× | 3.00 | 16.00 | 4 |');
});

test('several runs are told apart by what differs between them', async () => {
  const other = { commit: 'c'.repeat(40), machine: { ...description().machine, cpu: 'Another CPU' } };
  const files = await makeReport([record(benchRows(), 'one'), record(benchRows(), 'two', other)]);
  assert.match(
    String(files.get('report.md')),
    '# 2 runs compared\n\n|  | aaaaaaaaa, A CPU of 3 GHz | ccccccccc, Another CPU |',
  );
  assert.ok(textsOf(svg(files, 'speed-by-depth')).includes('ccccccccc, Another CPU'));
  const same = await makeReport([record(benchRows(), 'one'), record(benchRows(), 'two')]);
  assert.match(String(same.get('report.md')), '|  | one | two |');
});

test('files are written from the folder of a run; what is no record is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtplx-report-'));
  try {
    const run = join(folder, 'run');
    mkdirSync(run);
    const metadata = { description: JSON.stringify(description()), result: '{}' };
    writeFileSync(join(run, 'rows.arrow'), encodeRecord({ x: { type: new Int32(), values: [1] } }, metadata));
    const out = join(folder, 'deep/out');
    assert.equal(await writeReport([run], out), [join(out, 'report.md')]);
    assert.match(readFileSync(join(out, 'report.md'), 'utf8'), '# run\n');
    writeFileSync(join(run, 'rows.arrow'), encodeRecord({ x: { type: new Int32(), values: [1] } }, {}));
    const error = await writeReport([run], out).catch((caught: unknown) => caught);
    assert.is((error as MtplxError).code, 'MTPLX_E_RUN_BROKEN');
    writeFileSync(join(folder, 'file'), '');
    writeFileSync(join(run, 'rows.arrow'), encodeRecord({ x: { type: new Int32(), values: [1] } }, metadata));
    const unwritable = await writeReport([run], join(folder, 'file')).catch((caught: unknown) => caught);
    assert.is((unwritable as MtplxError).code, 'MTPLX_E_UNWRITABLE');
    assert.equal(readdirSync(out), ['report.md']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
