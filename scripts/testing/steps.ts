import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../runtime/package.ts';
import { add, closingLine, none, parseClosingLine, type Counts } from './counts.ts';

export interface Step {
  name: string;
  command: string;
  args: string[];
  /** The command ends with a closing line of its own, whose numbers count. Else the step counts as one. */
  counts?: boolean;
  env?: Record<string, string>;
}

/** Runs the steps one after the other, all of them, prints one closing line and sets the exit code. */
export async function runSteps(steps: Step[]): Promise<void> {
  let sum = none;
  const failures: string[] = [];
  for (const step of steps) {
    console.log(`\n== ${step.name}`);
    const started = performance.now();
    const counts = await runStep(step);
    sum = add(sum, counts);
    if (counts.failed > 0) failures.push(step.name);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`-- ${step.name}: ${closingLine(counts)} (${seconds} s)`);
  }
  if (failures.length > 0) console.log(`\nFailed: ${failures.join('; ')}`);
  console.log(`\n${closingLine(sum)}`);
  if (sum.failed > 0) process.exitCode = 1;
}

async function runStep({ command, args, counts, env }: Step): Promise<Counts> {
  let own: Counts | undefined;
  const child = spawn(command, args, {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}), ...env },
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      console.error(`Cannot run ${command}: ${error.message}`);
      resolve(null);
    });
    child.on('close', (code) => resolve(code));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    // Only the last step's caller prints a closing line.
    const found = counts ? parseClosingLine(line) : undefined;
    if (found) own = found;
    else console.log(line);
  }
  const code = await ended;
  if (!counts) return { ...none, [code === 0 ? 'passed' : 'failed']: 1 };
  // Neither a crash after the last test nor a silent end may pass.
  if (own === undefined || (code !== 0 && own.failed === 0)) return add(own ?? none, { ...none, failed: 1 });
  return own;
}
