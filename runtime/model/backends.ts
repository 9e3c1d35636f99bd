/** Backends that a contract may hold for. */
export const engineBackends = ['cpu'] as const;
export type Backend = (typeof engineBackends)[number];
