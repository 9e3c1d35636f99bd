import { philox4x32 } from '../runtime/decoding/random.ts';

/** Numbers in [0, 1), the same for the same seed on every machine. For orders and resamples, never for tokens. */
export type Random = () => number;

/** A stream of `seed` (0 … 2^53). `stream` tells apart uses of one seed. */
export function randomOf(seed: number, stream = 0): Random {
  const key = Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32));
  const counter = Uint32Array.of(0, 0, stream, 0);
  const words = new Uint32Array(4);
  let used = words.length;
  return () => {
    if (used === words.length) {
      philox4x32(counter, key, words);
      counter[0]! += 1;
      used = 0;
    }
    return words[used++]! / 2 ** 32;
  };
}

/** A whole number from 0 to below `limit`. */
export function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

/** The items in an order drawn at random: Fisher and Yates, from the end. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(i + 1, random);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
