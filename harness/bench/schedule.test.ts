import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { armsOf } from './arms.ts';
import { schedule } from './schedule.ts';

const test = suite('bench schedule');
const arms = armsOf([1, 3]);

test('every run holds every prompt with every arm, and a coupled run follows', () => {
  const jobs = schedule({ prompts: 4, arms, runs: 2, seed: 7, acceptance: 'leviathan' });
  assert.is(jobs.length, 4 * 3 * (2 + 1));
  const keys = jobs.map(({ run, prompt, arm, acceptance }) => [acceptance, run, prompt, arm.name].join());
  assert.is(new Set(keys).size, jobs.length);
  const coupled = jobs.slice(-12);
  assert.ok(coupled.every(({ acceptance, run }) => acceptance === 'coupled' && run === 0));
  assert.ok(jobs.slice(0, -12).every(({ acceptance }) => acceptance === 'leviathan'));
});

test('arms take turns within a prompt, and each begins equally often', () => {
  const jobs = schedule({ prompts: 6, arms, runs: 1, seed: 0, acceptance: 'coupled' });
  const begins = new Map<string, number>();
  for (let i = 0; i < jobs.length; i += arms.length) {
    const turn = jobs.slice(i, i + arms.length);
    assert.is(new Set(turn.map(({ prompt }) => prompt)).size, 1);
    assert.is(new Set(turn.map(({ arm }) => arm.name)).size, arms.length);
    begins.set(turn[0]!.arm.name, (begins.get(turn[0]!.arm.name) ?? 0) + 1);
  }
  assert.equal([...begins.values()], [2, 2, 2]);
});

test('arms of one prompt share a seed; prompts and runs do not', () => {
  const jobs = schedule({ prompts: 3, arms, runs: 3, seed: 5, acceptance: 'coupled' });
  const seeds = new Map<string, Set<number>>();
  for (const { run, prompt, seed } of jobs) {
    const key = `${run}/${prompt}`;
    seeds.set(key, (seeds.get(key) ?? new Set()).add(seed));
  }
  assert.ok([...seeds.values()].every((own) => own.size === 1));
  assert.is(new Set([...seeds.values()].flatMap((own) => [...own])).size, 9);
  assert.is(jobs.find(({ run, prompt }) => run === 2 && prompt === 1)?.seed, 5 + 1 + 2000);
});

test('nothing is coupled without drafts, nor twice', () => {
  assert.is(schedule({ prompts: 2, arms: armsOf([]), runs: 1, seed: 0, acceptance: 'leviathan' }).length, 2);
  assert.is(schedule({ prompts: 2, arms, runs: 1, seed: 0, acceptance: 'coupled' }).length, 6);
});

test.run();
