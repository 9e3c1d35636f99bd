import { gates } from '../exactness/gates.ts';

/** The gates as `mtplx verify --list` shows them. */
export function listGates(): { name: string; claim: string; control: string }[] {
  return gates.map(({ name, claim, control }) => ({ name, claim, control }));
}
