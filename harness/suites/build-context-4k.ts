// Builds context-4k.json from files of this repository at one commit: `node harness/suites/build-context-4k.ts`.
// Only for a new spec_version: the suite is frozen.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedModel } from '../../runtime/model/embedded.ts';
import { loadTokenizer, type Tokenizer } from '../../runtime/model/tokenizer.ts';
import { packageRoot } from '../../runtime/package.ts';
import { suiteFile, type SuiteFile, type SuitePrompt } from './suite.ts';

const name = 'context-4k';
/** The commit that the files are taken from. */
export const sourceCommit = 'd8cba6e298464a6d5ad9325d22b90acea027391b';
const tokens = 4096;

/** Which files follow one another in each prompt; the last one is cut where the tokens end. */
const sources: { id: string; language: string; files: string[] }[] = [
  {
    id: 'py-training',
    language: 'python',
    files: ['training.py', 'model.py', 'evaluation.py', 'speculative.py'].map((file) => `fixtures/train/${file}`),
  },
  {
    id: 'py-documents',
    language: 'python',
    files: ['chat_requests.py', 'settling.py', 'collect.py', 'prepare.py'].map((file) => `fixtures/train/${file}`),
  },
  {
    id: 'ts-decoding',
    language: 'typescript',
    files: ['cycle.ts', 'request.ts', 'tally.ts', 'distribution.ts', 'random.ts'].map((file) => `runtime/decoding/${file}`),
  },
  {
    id: 'ts-model',
    language: 'typescript',
    files: ['plan.ts', 'names.ts', 'folder.ts', 'weight-files.ts'].map((file) => `runtime/model/${file}`),
  },
];

/** The suite's file, the same bytes each time. Needs the git history and the embedded model's tokenizer. */
export async function buildContextSuite(): Promise<string> {
  const tokenizer = await loadTokenizer(join(embeddedModel, 'tokenizer.json'));
  const prompts: SuitePrompt[] = [];
  for (const { id, language, files } of sources)
    prompts.push({ id, language, lines: await contextLines(tokenizer, files) });
  const suite: SuiteFile = {
    name,
    spec_version: 1,
    description: `Files of this repository at commit ${sourceCommit.slice(0, 12)}, one after the other up to ${tokens} tokens, continued as raw text for 128 tokens.`,
    settings: {
      max_tokens: 128,
      ignore_stop_tokens: true,
      chat_template: false,
      warm_up_tokens: 32,
      acceptance: 'leviathan',
      sampler: { temperature: 0.6, top_p: 0.95, top_k: 20 },
      draft_sampler: { temperature: 0.7, top_p: 0.95, top_k: 20 },
    },
    prompts,
  };
  return `${JSON.stringify(suite, null, 2)}\n`;
}

/** As many whole lines of the files as `tokens` holds. */
async function contextLines(tokenizer: Tokenizer, files: string[]): Promise<string[]> {
  const all = files.flatMap((file) => [`${file.endsWith('.py') ? '#' : '//'} ${file}`, ...fileAtCommit(file).trimEnd().split('\n'), '']);
  let [low, high] = [1, all.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((await tokenizer.encode(all.slice(0, middle).join('\n'))).length <= tokens) low = middle;
    else high = middle - 1;
  }
  return all.slice(0, low);
}

function fileAtCommit(file: string): string {
  return execFileSync('git', ['show', `${sourceCommit}:${file}`], { cwd: packageRoot, encoding: 'utf8' });
}

if (import.meta.main) writeFileSync(suiteFile(name), await buildContextSuite());
