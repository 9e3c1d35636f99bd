// Every speed figure in README.md and reports/README.md stands in a committed record: reports/claims.ts tells how a text names
// it. --write puts the records' numbers into the texts, in the precision that is printed there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkClaims, readResults } from '../reports/claims.ts';
import { packageRoot } from '../runtime/package.ts';

for (const file of ['README.md', 'reports/README.md']) {
  const path = join(packageRoot, file);
  if (!existsSync(path)) continue;
  const text = readFileSync(path, 'utf8');
  const read = readResults(packageRoot);
  const { filled } = checkClaims(text, read);
  if (process.argv.includes('--write') && filled !== text) writeFileSync(path, filled);
  const { problems } = checkClaims(readFileSync(path, 'utf8'), read);
  for (const problem of problems) console.log(`${file}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
