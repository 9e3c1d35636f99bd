// Imports point one way and make no cycle.
import { packageRoot } from '../runtime/package.ts';
import { importProblems } from './import-rules.ts';

const problems = importProblems(packageRoot);
for (const problem of problems) console.log(problem);
if (problems.length > 0) process.exitCode = 1;
