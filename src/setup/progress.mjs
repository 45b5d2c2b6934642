/** What the two commands print: one line for what is being done, one for what is done and how long it took. */

/** A reason to stop that a person can act on; the commands print it as their last line, without a stack. */
export class SetupError extends Error {
  /** @param {string} reason what cannot be had @param {string} fix what to do about it */
  constructor(reason, fix) {
    super(fix ? `${reason} ${fix}` : reason);
    this.reason = reason;
    this.fix = fix;
  }
}

/** @param {string} subject who the line is about @param {string} text */
export function say(subject, text) {
  process.stdout.write(`${subject.padEnd(12)} ${text}\n`);
}

export const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`;

/**
 * Runs one step: says what it does, every 15 seconds that it still does, and at the end how long it took.
 * @template T
 * @param {{subject: string, doing: string, done: string | ((value: T) => string)}} words
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step({ subject, doing, done }, work) {
  const started = performance.now();
  say(subject, `${doing} ...`);
  const ticker = setInterval(() => say(subject, `${doing} ... ${Math.round((performance.now() - started) / 1000)} s so far`), 15_000);
  try {
    const value = await work();
    say(subject, `${typeof done === "function" ? done(value) : done} (${seconds(performance.now() - started)})`);
    return value;
  } finally {
    clearInterval(ticker);
  }
}
