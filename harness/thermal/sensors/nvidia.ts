import { spawnSync } from 'node:child_process';
import { mean } from '../../averages.ts';
import { lineSensors } from './lines.ts';
import { noReading, type Reading, type Sensors } from './sensors.ts';

const format = ['--format=csv,noheader,nounits'];

/** NVML's temperatures and clocks through one nvidia-smi that runs on; null without it or without a card. */
export function nvidiaSensors(command = 'nvidia-smi'): Sensors | null {
  const { status, stdout } = spawnSync(command, ['--query-gpu=index', ...format], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (status !== 0 || stdout.trim() === '') return null;
  const cards = new Map<string, Card>();
  const args = ['--query-gpu=index,temperature.gpu,clocks.sm', ...format, '-l', '1'];
  return lineSensors(command, args, (line) => {
    const card = parseCard(line);
    if (card) cards.set(card.name, card);
    return readingOf([...cards.values()]);
  });
}

interface Card {
  name: string;
  degrees: number | null;
  mhz: number | null;
}

/** Such as `0, 41, 1410`; what a card does not tell is `[N/A]`. */
function parseCard(line: string): Card | null {
  const [, index, degrees, mhz] = /^\s*(\d+),\s*([^,]+),\s*([^,]+)$/.exec(line) ?? [];
  if (index === undefined) return null;
  const number = (text: string | undefined): number | null => {
    return text !== undefined && /^\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : null;
  };
  return { name: `gpu${index}`, degrees: number(degrees), mhz: number(mhz) };
}

function readingOf(cards: readonly Card[]): Reading {
  const degrees = cards.flatMap((card) => card.degrees ?? []);
  const mhz = cards.flatMap((card) => card.mhz ?? []);
  const named = cards.flatMap((card) => (card.degrees === null ? [] : [[card.name, card.degrees] as const]));
  return {
    ...noReading,
    temperatures: Object.fromEntries(named),
    gpuTemperatureC: degrees.length > 0 ? Math.max(...degrees) : null,
    gpuClockMhz: mhz.length > 0 ? mean(mhz) : null,
  };
}
