import * as Errors from '@oclif/core/errors';
import * as Flags from '@oclif/core/flags';
import type { AcceptanceName } from '../runtime/index.ts';

/** A number between two bounds; both may be met. */
export const number = Flags.custom<number, { above?: number; min?: number; max?: number }>({
  parse: async (input, _context, { above = -Infinity, min = -Infinity, max = Infinity }) => {
    const value = Number(input);
    if (input.trim() === '' || !(value > above && value >= min && value <= max)) {
      const from = above > -Infinity ? `above ${above}` : `from ${min}`;
      throw new Errors.CLIError(
        `Expected a number ${from}${max < Infinity ? ` to ${max}` : ''} but received: ${input}`,
      );
    }
    return value;
  },
});

/** Numbers with commas between them, each between two bounds. */
export const numberList = Flags.custom<number[], { min: number; max: number; whole?: boolean }>({
  parse: async (input, _context, { min, max, whole = false }) =>
    input.split(',').map((part) => {
      const value = Number(part);
      if (part.trim() === '' || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
        const kind = whole ? 'whole numbers' : 'numbers';
        throw new Errors.CLIError(`Expected ${kind} from ${min} to ${max} with commas between but received: ${input}`);
      }
      return value;
    }),
});

const seed = Flags.custom<bigint>({
  parse: async (input) => {
    if (!/^\d{1,20}$/.test(input) || BigInt(input) >= 2n ** 64n) {
      throw new Errors.CLIError(`Expected a whole number from 0 to 2^64 - 1 but received: ${input}`);
    }
    return BigInt(input);
  },
});

const deepest = 8;

/** Drafts a cycle, or `auto`. */
const depth = Flags.custom<number | 'auto'>({
  parse: async (input) => {
    if (input === 'auto') return input;
    if (/^\d$/.test(input) && Number(input) <= deepest) return Number(input);
    throw new Errors.CLIError(
      `Expected auto or a whole number from 0 to ${deepest} for --depth but received: ${input}`,
    );
  },
});

/** Which model, and how it is run. */
export const modelFlags = {
  model: Flags.string({
    char: 'm',
    env: 'MTPLX_MODEL',
    description: 'model folder (default: the small model that comes with the package)',
    helpValue: '<folder>',
  }),
  drafter: Flags.string({ description: 'folder or file with another MTP head', helpValue: '<path>' }),
  'draft-head': Flags.integer({
    description: 'bits of a copy of the LM head that is used for drafts alone',
    options: ['3', '4'],
  }),
  backend: Flags.string({ description: 'cpu; metal and cuda are not supported yet', default: 'cpu' }),
  threads: Flags.integer({ description: 'threads of the kernels (default: physical cores)', min: 1, max: 1024 }),
};

/** How tokens are drawn and drafted. */
export const samplingFlags = {
  temperature: number({ char: 't', description: '0 is greedy (default: of the model, else 0.6)', min: 0, max: 100 }),
  'top-p': number({
    description: 'applied after the temperature (default: of the model, else 0.95)',
    above: 0,
    max: 1,
  }),
  'top-k': Flags.integer({ description: 'applied after top-p; 0 is off (default: of the model, else 20)', min: 0 }),
  seed: seed({ description: 'the same seed gives the same text (default: random)' }),
  depth: depth({
    char: 'd',
    description: 'drafts a cycle, 0 to 8, or auto: what is fastest here, measured as it runs (default: auto)',
    helpValue: 'auto|0..8',
    exclusive: ['no-mtp'],
  }),
  'no-mtp': Flags.boolean({ description: 'plain decoding, the same as --depth 0' }),
  acceptance: Flags.option({ options: ['leviathan', 'coupled'] satisfies AcceptanceName[] as AcceptanceName[] })({
    description: 'how drafts are accepted (default: coupled with --seed, else leviathan)',
  }),
};
