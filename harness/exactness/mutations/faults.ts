/** Deliberate bugs of the faulty build (native/src/faults.h) and the bit gate that must catch each. */
export const faults: { fault: string; gate: string; bug: string }[] = [
  { fault: 'other-kernel', gate: 'verify-vs-ar', bug: 'several rows go through another matmul than one' },
  { fault: 'rollback-short', gate: 'commit', bug: 'a recurrent state one step behind' },
  { fault: 'rollback-long', gate: 'commit', bug: 'a recurrent state that saw one dropped row' },
  { fault: 'conv-short', gate: 'commit', bug: 'conv rows that stay behind the recurrent state' },
  { fault: 'kv-row', gate: 'commit', bug: 'K and V of the kept rows off by one' },
  { fault: 'hidden-row', gate: 'commit', bug: 'hidden rows for the MTP head off by one' },
  { fault: 'chunk-seam', gate: 'prefill', bug: 'a chunk that forgets the conv rows before it' },
  { fault: 'restore-conv', gate: 'restore', bug: 'a snapshot without conv rows' },
  { fault: 'restore-hidden', gate: 'restore', bug: 'a snapshot without the pending hidden row' },
  { fault: 'wrong-neighbour', gate: 'ragged', bug: "a row that reads its neighbour's history" },
  { fault: 'thread-sum', gate: 'threads', bug: 'another order of sums with more threads' },
  { fault: 'isa-sum', gate: 'instruction-sets', bug: 'another order of sums with vector instructions' },
];

/** Bugs that every row has alike, so that no two rows differ in bits; the goldens must catch them. */
export const goldenFaults: { fault: string; bug: string }[] = [
  { fault: 'mtp-cold', bug: 'an MTP cache that the prompt never went through' },
  { fault: 'mtp-norm', bug: 'hidden rows that reach the head without its norm' },
];
