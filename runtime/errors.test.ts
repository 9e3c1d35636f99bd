import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asMtplxError, errorTable, fromNative, MtplxError } from './errors.ts';
import { packageRoot } from './package.ts';

const test = suite('errors');

interface Row {
  code: string;
  message: string;
  exit: number;
  status: number;
  remedy: string;
}

function documented(): Row[] {
  const text = readFileSync(join(packageRoot, 'docs/errors.md'), 'utf8');
  const rows = text.matchAll(/^### (\S+)\n\n> (.+)\n\nExit (\d+), HTTP (\d+)\. (.+)$/gm);
  return [...rows].map(([, code, message, exit, status, remedy]) => ({
    code: code!,
    message: message!,
    exit: Number(exit),
    status: Number(status),
    remedy: remedy!,
  }));
}

test('the documentation lists exactly the table', () => {
  const table = Object.entries(errorTable).map(([code, entry]) => ({ code, ...entry }));
  assert.ok(table.length > 20);
  assert.equal(documented(), table);
  const headings = readFileSync(join(packageRoot, 'docs/errors.md'), 'utf8').match(/^### /gm);
  assert.is(headings?.length, table.length);
});

test('the table is sorted', () => {
  const codes = Object.keys(errorTable);
  assert.equal(codes, codes.toSorted());
});

test('every code that the engine throws stands in the table', () => {
  const folder = join(packageRoot, 'native/src');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(cpp|h)$/.test(file));
  const used = sources.flatMap((file) => readFileSync(join(folder, file), 'utf8').match(/MTPLX_E_\w+/g) ?? []);
  assert.ok(used.length > 10);
  assert.equal(
    [...new Set(used)].filter((code) => !Object.hasOwn(errorTable, code)),
    [],
  );
});

test('a message is filled from its parameters', () => {
  const cause = new Error('cause');
  const error = new MtplxError('MTPLX_E_OPTION', { option: '--depth', problem: 'is 9, at most 8' }, { cause });
  assert.is(error.message, '--depth: is 9, at most 8.');
  assert.is(error.exit, 2);
  assert.is(error.status, 400);
  assert.is(error.cause, cause);
});

test('an error of the addon keeps its message and takes the rest from the table', () => {
  const thrown = Object.assign(new Error('Wrong shape of x: expected [2], found [3].'), {
    code: 'MTPLX_E_TENSOR_SHAPE',
  });
  const error = fromNative(thrown);
  assert.instance(error, MtplxError);
  assert.is((error as MtplxError).code, 'MTPLX_E_TENSOR_SHAPE');
  assert.is((error as MtplxError).message, thrown.message);
  assert.is((error as MtplxError).exit, 3);
  assert.is((error as MtplxError).cause, thrown);
});

test('errors with other codes come back as they are', () => {
  const thrown = Object.assign(new Error('no'), { code: 'ENOENT' });
  assert.is(fromNative(thrown), thrown);
  assert.is(fromNative('text'), 'text');
});

test('any thrown value becomes an error of the table', () => {
  assert.is(asMtplxError(new DOMException('away', 'AbortError')).code, 'MTPLX_E_ABORTED');
  assert.is(
    asMtplxError(Object.assign(new Error('x'), { code: 'ENOSPC', path: '/a' })).message,
    'No space left while writing /a.',
  );
  assert.is(asMtplxError(new TypeError('x is not a function')).code, 'MTPLX_E_INTERNAL');
  assert.is(asMtplxError(undefined).code, 'MTPLX_E_INTERNAL');
});

test.run();
