// Keeps the reference library non-empty.
