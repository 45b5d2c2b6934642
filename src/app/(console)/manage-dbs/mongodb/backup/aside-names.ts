/** The names of collections that a restore keeps aside: all carry the job's id, and none is an ordinary collection. */

export const stagingPrefix = (jobId: string): string => `__restore_${jobId}__`;
export const keptPrefix = (jobId: string): string => `__before_${jobId}__`;

/** Restored and not live, or replaced and kept for undo. */
export const isAside = (name: string): boolean => /^__(?:restore|before)_[0-9a-f]+__/.test(name);

/** Of `database.collection`: what sharded collections and every server take. */
const NAMESPACE_BYTES_MAX = 235;

/** The prefix and the name; a name too long for that is kept under its position, which is in the journal. */
export function asideName(prefix: string, collection: { database: string; name: string; position: number }): string {
  const full = `${prefix}_${collection.name}`;
  return Buffer.byteLength(`${collection.database}.${full}`) <= NAMESPACE_BYTES_MAX ? full : `${prefix}${collection.position}`;
}

/** Written to after each step on servers that have to be told to keep what they acknowledged; gone when the exchange is at its end. */
export const stepsName = (jobId: string): string => `${stagingPrefix(jobId)}steps`;

/** For what somebody else wrote under a name while it was exchanged. */
export const lateName = (prefix: string, number: number | ""): string => `${prefix}late${number}`;
