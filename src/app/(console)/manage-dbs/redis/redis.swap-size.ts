import "server-only";
import { databaseCounts, infoNumber, type InfoFields } from "./redis.server-facts";

/** About what logical databases take in memory: their share of the server's data by number of keys; null where it does not say. */
export function estimateBytes(info: InfoFields, databases: number[]): number | null {
  const dataset = infoNumber(info, "used_memory_dataset");
  if (dataset === null) return null;
  const counts = databaseCounts(info);
  const all = counts.reduce((sum, { keys }) => sum + keys, 0);
  const wanted = counts.filter(({ db }) => databases.includes(db)).reduce((sum, { keys }) => sum + keys, 0);
  return all === 0 ? 0 : Math.round(dataset * (wanted / all));
}
