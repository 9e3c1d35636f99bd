import type { CycleRecord } from './cycle.ts';

/**
 * What a run of cycles emitted, and how its drafts fared. The counts add up:
 * emitted = first + accepted + corrections + bonuses - truncated.
 */
export interface TallyCounts {
  cycles: number;
  /** Tokens drawn from the prompt's last row: one a generation. */
  first: number;
  drafted: number;
  /** Emitted drafts. A draft that was accepted and then cut off by an end does not count. */
  accepted: number;
  corrections: number;
  bonuses: number;
  /** Corrections and bonuses that an end cut off. */
  truncated: number;
  emitted: number;
  /** Emitted drafts at positions 1 … depth of their cycle. */
  acceptedAt: number[];
}

/** Adds up cycles; see what each rate divides by, three definitions are in use. */
export class Tally {
  readonly counts: TallyCounts = {
    cycles: 0,
    first: 0,
    drafted: 0,
    accepted: 0,
    corrections: 0,
    bonuses: 0,
    truncated: 0,
    emitted: 0,
    acceptedAt: [],
  };
  /** Cycles with 0, 1, … drafts. */
  readonly cyclesAt: number[] = [];

  /** One step of decode(): `cycle` is null for the token that the prefill gave. */
  add(emitted: number, cycle: CycleRecord | null): void {
    const { counts } = this;
    counts.emitted += emitted;
    if (cycle === null) {
      counts.first += emitted;
      return;
    }
    const accepted = Math.min(cycle.accepted, emitted);
    counts.cycles += 1;
    counts.drafted += cycle.drafted;
    counts.accepted += accepted;
    counts[cycle.kind === 'bonus' ? 'bonuses' : 'corrections'] += 1;
    counts.truncated += accepted + 1 - emitted;
    while (counts.acceptedAt.length < cycle.drafted) counts.acceptedAt.push(0);
    for (let i = 0; i < accepted; i++) counts.acceptedAt[i]! += 1;
    while (this.cyclesAt.length <= cycle.drafted) this.cyclesAt.push(0);
    this.cyclesAt[cycle.drafted]! += 1;
  }

  merge(other: Tally): void {
    const { acceptedAt, ...numbers } = other.counts;
    for (const [name, value] of Object.entries(numbers)) this.counts[name as keyof typeof numbers] += value;
    acceptedAt.forEach((value, i) => (this.counts.acceptedAt[i] = (this.counts.acceptedAt[i] ?? 0) + value));
    other.cyclesAt.forEach((value, i) => (this.cyclesAt[i] = (this.cyclesAt[i] ?? 0) + value));
  }

  /** Emitted tokens a cycle, the prefill's token left out. */
  get acceptedLength(): number {
    return ratio(this.counts.emitted - this.counts.first, this.counts.cycles);
  }

  /** Accepted / drafted. */
  get acceptanceRate(): number {
    return ratio(this.counts.accepted, this.counts.drafted);
  }

  /** Accepted at position i / cycles. */
  get acceptancePerStep(): number[] {
    return this.counts.acceptedAt.map((value) => ratio(value, this.counts.cycles));
  }

  /** Accepted at position i / accepted at position i - 1. */
  get acceptanceConditional(): number[] {
    const { acceptedAt, cycles } = this.counts;
    return acceptedAt.map((value, i) => ratio(value, i === 0 ? cycles : acceptedAt[i - 1]!));
  }
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}
