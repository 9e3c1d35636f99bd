// clang-format over our C++ sources.
import { spawnSync } from 'node:child_process';
import { packageRoot } from '../runtime/package.ts';
import { sources } from './testing/sources.ts';

const files = sources(['kernels', 'native'], /\.(cpp|h)$/);
const { status, error } = spawnSync('clang-format', ['-i', ...files], { cwd: packageRoot, stdio: 'inherit' });
if (error) console.error(`Cannot run clang-format: ${error.message}. Debian: apt-get install clang-format.`);
process.exitCode = status ?? 1;
