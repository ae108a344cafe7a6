// Long work in steps: a generator that yields often, so that other questions are answered between.

export const STEP_MESSAGES = 1 << 17; // of a step that reads messages or rows: some milliseconds

/**
 * Return what work in steps gives in the end.
 * @template T
 * @param {Generator<void, T>} steps
 * @returns {T}
 */
export function finished(steps) {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
