import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../../../runtime/package.ts';
import { sources } from '../../../scripts/testing/sources.ts';
import { gates } from '../gates.ts';
import { faults } from './faults.ts';

const test = suite('faults of the engine');

test('the table names every fault of the sources, and gates that there are', () => {
  const text = sources(['native/src', 'kernels'], /\.(cpp|h)$/).map((file) =>
    readFileSync(join(packageRoot, file), 'utf8'),
  );
  const inSources = new Set(text.flatMap((t) => [...t.matchAll(/\bfault\("([^"]+)"\)/g)].map(([, name]) => name!)));
  assert.equal([...inSources].toSorted(), faults.map(({ fault }) => fault).toSorted());
  const names = gates.map(({ name }) => name);
  assert.equal(
    faults.filter(({ gate }) => !names.includes(gate)),
    [],
  );
});

test.run();
