import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Largest resident bytes of the processes of a group, each process's own peak added up; null where the system has no
 * /proc (macOS).
 */
export async function peakMemory(group: number, proc = '/proc'): Promise<number | null> {
  const ids = await readdir(proc).then(
    (names) => names.filter((name) => /^\d+$/.test(name)),
    () => null,
  );
  if (ids === null || ids.length === 0) return null;
  const peaks = await Promise.all(ids.map((id) => peakOf(join(proc, id), group).catch(() => 0)));
  return peaks.reduce((a, b) => a + b, 0);
}

async function peakOf(folder: string, group: number): Promise<number> {
  // After the name in brackets: state, parent, group.
  const [, , pgrp] = (await readFile(join(folder, 'stat'), 'utf8')).split(') ').at(-1)!.split(' ');
  if (Number(pgrp) !== group) return 0;
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(await readFile(join(folder, 'status'), 'utf8'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}
