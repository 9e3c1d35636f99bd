import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Sensors } from './sensors.ts';
import { noReading, type Reading } from './sensors.ts';

/**
 * A program that prints readings line by line as long as it runs. `parse` sees every line and the last reading; a
 * program that is missing or ends leaves null behind.
 */
export function lineSensors(
  command: string,
  args: readonly string[],
  parse: (line: string, last: Reading) => Reading,
): Sensors {
  let reading = noReading;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = (): void => void (reading = noReading);
  child.on('error', gone);
  child.on('close', gone);
  createInterface({ input: child.stdout }).on('line', (line) => void (reading = parse(line, reading)));
  // It must not outlive us, nor keep us alive.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.unref();
  return {
    read: async () => reading,
    close: () => {
      process.off('exit', kill);
      kill();
    },
  };
}
