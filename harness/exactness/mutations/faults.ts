/** Deliberate bugs of the faulty build (native/src/faults.h) and the gate that must catch each. */
export const faults: { fault: string; gate: string; bug: string }[] = [
  { fault: 'other-kernel', gate: 'verify-vs-ar', bug: 'several rows go through another matmul than one' },
  { fault: 'wrong-neighbour', gate: 'verify-vs-ar', bug: "a row that reads its neighbour's history" },
  { fault: 'rollback-short', gate: 'commit', bug: 'a GDN state rolled back one step too far' },
  { fault: 'rollback-long', gate: 'commit', bug: 'a GDN state rolled back one step too short' },
  { fault: 'conv-short', gate: 'commit', bug: 'conv rows that stay behind the recurrent state' },
  { fault: 'kv-row', gate: 'commit', bug: 'K and V of the kept rows off by one' },
  { fault: 'hidden-row', gate: 'commit', bug: 'hidden rows for the MTP head off by one' },
  { fault: 'chunk-seam', gate: 'prefill', bug: 'a chunk that forgets the conv rows before it' },
  { fault: 'restore-conv', gate: 'restore', bug: 'a snapshot without conv rows' },
  { fault: 'restore-hidden', gate: 'restore', bug: 'a snapshot without the pending hidden row' },
  { fault: 'thread-sum', gate: 'threads', bug: 'another order of sums with more threads' },
  { fault: 'isa-sum', gate: 'instruction-sets', bug: 'another order of sums with vector instructions' },
  // Every row has these alike, so that no two rows differ in bits.
  { fault: 'mtp-cold', gate: 'reference', bug: 'an MTP cache that the prompt never went through' },
  { fault: 'mtp-norm', gate: 'reference', bug: 'hidden rows that reach the head without its norm' },
];
