import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Config } from '@oclif/core/config';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageRoot } from '../runtime/package.ts';
import { skip } from '../scripts/testing/skip.ts';
import { ownCommands } from './own-commands.ts';

const test = suite('own commands');
const compiled = existsSync(join(packageRoot, 'dist/cli/commands')) ? test : skip(test, 'npm run build:ts first');

function mtplx(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(packageRoot, 'bin/mtplx.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, MTPLX_DEV: '' },
  });
}

/** Everything of a configuration that is ours, without the functions. */
function ours({ commands, topics, ...config }: Config): unknown {
  const own = commands.filter(({ pluginName }) => pluginName === 'mtplx');
  return JSON.parse(
    JSON.stringify({
      names: [config.name, config.version, config.bin, config.dirname, config.root, config.userAgent],
      commands: own.map(({ pluginType: _type, pluginAlias: _alias, ...command }) => command),
      topics: topics.filter(({ name }) => own.some(({ id }) => id === name || id.startsWith(`${name}:`))),
    }),
  );
}

test("oclif's own way gives the same commands, topics and names", async () => {
  assert.equal(ours(await ownCommands(packageRoot)), ours(await Config.load({ root: packageRoot })));
});

compiled('a command comes from its compiled file', async () => {
  const command = await (await ownCommands(packageRoot)).findCommand('bench:run', { must: true }).load();
  assert.is(command.id, 'bench:run');
  assert.is(command.plugin?.name, 'mtplx');
  assert.type(command.run, 'function');
});

compiled('one word, two words, a colon: the command that is meant', () => {
  for (const words of [
    ['runs', '--nope'],
    ['runs', 'resume', '--nope'],
    ['bench:run', '--nope'],
  ]) {
    const { status, stderr } = mtplx(...words);
    assert.is(status, 2, words.join(' '));
    assert.match(stderr, `$ mtplx ${words.slice(0, -1).join(' ').replace(':', ' ')} `);
  }
});

compiled('help and what nobody knows are left to the plugins', () => {
  assert.match(mtplx('help', 'run').stdout, 'answer a prompt, streaming');
  for (const words of [['nope'], ['runs', 'nope']]) {
    const { status, stderr } = mtplx(...words);
    assert.is(status, 127, words.join(' '));
    assert.match(stderr, 'is not a mtplx command');
  }
});

test.run();
