import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { sources } from './testing/sources.ts';

interface Rule {
  /** Files that the rule is about; the first rule that fits is the only one. */
  from: RegExp;
  /** Files of this repository that they may import. */
  to: RegExp;
}

// cli → harness → runtime → native; reports reads records and knows no experiment that writes them.
const rules: Rule[] = [
  { from: /^(scripts|fixtures)\//, to: /^(scripts|fixtures|cli|harness|reports|runtime|native)\// },
  { from: /^cli\//, to: /^(cli|harness|reports|runtime)\// },
  { from: /^harness\//, to: /^(harness|runtime)\// },
  {
    from: /^reports\//,
    to: /^(reports\/|harness\/(record|averages|intervals|experiments\/description)\.ts$|runtime\/(errors|package|atomic-file)\.ts$)/,
  },
  { from: /^runtime\/engine\//, to: /^(runtime\/engine\/|runtime\/[^/]+$|native\/types\.ts$)/ },
  { from: /^runtime\/decoding\//, to: /^runtime\/(?!server\/|engine\/(?!types\.ts$))/ },
  { from: /^runtime\//, to: /^runtime\// },
  { from: /^native\/(types\.ts|.*\.test\.ts)$/, to: /^native\// },
  { from: /^kernels\//, to: /^kernels\// },
  { from: /^native\//, to: /^(native|kernels)\// },
];
const testHelpers = /^scripts\/testing\//;

/** Every import that goes the wrong way or nowhere, and every import cycle between files, in words. */
export function importProblems(root: string): string[] {
  const typescript = sources(['cli', 'fixtures', 'harness', 'native', 'reports', 'runtime', 'scripts'], /\.ts$/, root);
  const cpp = sources(['kernels', 'native'], /\.(cpp|h)$/, root);
  const graph = new Map<string, string[]>([
    ...typescript.map((file): [string, string[]] => [file, modules(root, file)]),
    ...cpp.map((file): [string, string[]] => [file, includes(root, file)]),
  ]);
  return [...graph]
    .flatMap(([file, targets]) => targets.flatMap((target) => broken(root, file, target)))
    .concat(cycles(graph));
}

function modules(root: string, file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
  const relative = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  return relative.map((name) => normalize(join(dirname(file), name)));
}

/** Includes of this repository are written from its root. */
function includes(root: string, file: string): string[] {
  const lines = readFileSync(join(root, file), 'utf8').matchAll(/^\s*#\s*include\s+"((?:kernels|native)\/[^"]+)"/gm);
  return [...lines].map(([, name]) => name!);
}

function broken(root: string, file: string, target: string): string[] {
  if (!existsSync(join(root, target))) return [`${file} imports ${target}, which does not exist`];
  if (target === 'package.json') return [];
  if (file.endsWith('.test.ts') && testHelpers.test(target)) return [];
  const rule = rules.find(({ from }) => from.test(file));
  return rule?.to.test(target) ? [] : [`${file} may not import ${target}`];
}

function cycles(graph: Map<string, string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push(`import cycle: ${[...path.slice(at), file].join(' → ')}`);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
