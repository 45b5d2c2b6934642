/** Which field of a find was refused, and where in it. */
import type { ReadableError } from "@/components/query-error";
import type { Find } from "./collections.state";

export interface FindError {
  field: keyof Find;
  message: string;
  /** Characters from the start, from 0; null where the server names no place. */
  at: number | null;
}

/** Null for an error that is not about what was typed. */
export function findErrorOf(error: ReadableError | null, find: Find): FindError | null {
  if (!error || error.data?.app !== "INVALID") return null;
  const [, word, rest] = /^The (filter|sort|projection) (?:cannot be used: )?(.+)$/s.exec(error.message) ?? [];
  if (word !== "filter" && word !== "sort" && word !== "projection") return null;
  const place = /\(line (\d+), column (\d+)\)$/.exec(error.message);
  const message = rest ?? error.message;
  return {
    field: word,
    message: message.slice(0, 1).toUpperCase() + message.slice(1),
    at: place ? offsetOf(find[word], Number(place[1]), Number(place[2])) : null,
  };
}

function offsetOf(text: string, line: number, column: number): number {
  const before = text.split("\n").slice(0, line - 1);
  return before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
}
