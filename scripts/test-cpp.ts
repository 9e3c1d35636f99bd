// Builds and runs the C++ tests. Arguments go to CMake; MTPLX_CPP_BUILD names another build folder.
// -DMTPLX_SANITIZE=ON or =thread runs them under sanitizers.
import { closingLine } from './testing/counts.ts';
import { runDoctests } from './testing/doctests.ts';

const counts = runDoctests({ folder: process.env['MTPLX_CPP_BUILD'] ?? 'build/cpp', options: process.argv.slice(2) });
console.log(`\n${closingLine(counts)}`);
process.exitCode = counts.failed > 0 ? 1 : 0;
