/**
 * Grows only when the bits of a logit or of a draw may change. What was found with one version (token ids, logit hashes,
 * a model's contract) says nothing about another. docs/numerics.md says what is computed.
 */
export const numericsVersion = 3;
