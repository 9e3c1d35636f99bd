import type { CycleResult } from '../../runtime/engine/types.ts';
import type { Entry, GateEngine, GateSequence } from './engine.ts';
import { silent } from './sequences.ts';
import { keepsOneMore } from './wrong-loops.ts';

/**
 * Deliberately wrong engines for the negative controls: the true engine with one bug between it and the gate. They
 * need no build of their own, so that a control runs on every model; the faulty build of the engine
 * (mutations/faults.ts) has the bugs that only native code can have.
 */
function wrongEngine(engine: GateEngine, bug: (sequence: GateSequence) => Partial<GateSequence>): GateEngine {
  const wrapped = (sequence: GateSequence): GateSequence => ({
    ...forwarding(sequence),
    fork: async () => wrapped(await sequence.fork()),
    ...bug(sequence),
  });
  return {
    spec: engine.spec,
    createSequence: async (options) => wrapped(await engine.createSequence(options)),
    // No control looks at a batch of several sequences.
    cycleBatch: (batch) => engine.cycleBatch(batch),
  };
}

function forwarding(sequence: GateSequence): GateSequence {
  return {
    cycle: (entry) => sequence.cycle(entry),
    commit: (keep) => sequence.commit(keep),
    rows: (what) => sequence.rows(what),
    fork: () => sequence.fork(),
    inspect: () => sequence.inspect(),
    dispose: () => sequence.dispose(),
  };
}

/** bfloat16 and back, rounded to the nearest. */
function throughBfloat16(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.slice().buffer);
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! + 0x7fff + ((words[i]! >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(words.buffer);
}

/** Rows of a verification through half the precision, as another kernel for several rows may do it. */
export function otherPrecision(engine: GateEngine): GateEngine {
  return wrongEngine(engine, (sequence) => {
    let rows = 0;
    return {
      cycle(entry) {
        rows = entry.tokens.length + entry.depth;
        return sequence.cycle(entry);
      },
      rows: async (what) => (rows > 1 ? throughBfloat16(await sequence.rows(what)) : sequence.rows(what)),
    };
  });
}

/** A refused row becomes history, as a recurrent state that is rolled back one step too short. */
export function rollbackTooShort(engine: GateEngine): GateEngine {
  return wrongEngine(engine, (sequence) => {
    const wrong = keepsOneMore(sequence);
    return { cycle: (entry) => wrong.cycle(entry), commit: (keep) => wrong.commit(keep) };
  });
}

/** A chunk after another one reads the last token before the seam once more in the place of its own first. */
export function seamReadTwice(engine: GateEngine): GateEngine {
  return wrongEngine(engine, (sequence) => {
    let last: number | undefined;
    return {
      cycle(entry: Entry) {
        const tokens = entry.tokens.slice();
        if (last !== undefined && entry.depth === 0) tokens[0] = last;
        last = entry.tokens.at(-1);
        return sequence.cycle({ ...entry, tokens });
      },
    };
  });
}

/** A restored snapshot whose first token was another one: the key of a prefix cache that leaves it out. */
export function foreignPrefix(engine: GateEngine): GateEngine {
  const wrapped = (sequence: GateSequence, before: readonly number[]): GateSequence => {
    const history = [...before];
    let pending: number[] = [];
    const keep = (count: number): void => {
      history.push(...pending.slice(0, count));
      pending = [];
    };
    return {
      ...forwarding(sequence),
      async commit(count) {
        await sequence.commit(count);
        keep(count);
      },
      async cycle(entry): Promise<CycleResult> {
        const result = await sequence.cycle(entry);
        keep(entry.keep);
        pending = [...entry.tokens, ...result.draftTokens];
        if (entry.commits) keep(pending.length);
        return result;
      },
      async fork() {
        const other = await engine.createSequence({ mtp: engine.spec.mtp });
        const tokens = Int32Array.from(history);
        tokens[0] = (tokens[0]! + 1) % engine.spec.vocabSize;
        await other.cycle({ ...silent, keep: 0, tokens });
        await other.commit(tokens.length);
        return wrapped(other, history);
      },
    };
  };
  return {
    spec: engine.spec,
    createSequence: async (options) => wrapped(await engine.createSequence(options), []),
    cycleBatch: (batch) => engine.cycleBatch(batch),
  };
}
