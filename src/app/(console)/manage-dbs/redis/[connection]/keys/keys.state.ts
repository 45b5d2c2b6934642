/** What the URL of the key browser says. Read on the server for the first page and in the browser by the panel. */
import { createLoader, parseAsInteger, parseAsString, parseAsStringLiteral, type SearchParams } from "nuqs/server";
import { readPattern } from "./key-names";

/** Few, so that the first names are there at once; later pages are larger. */
export const FIRST_PAGE_KEYS = 500;

export const KEY_LISTS = ["keys", "popular"] as const;

const parsers = {
  pattern: parseAsString.withDefault("*"),
  type: parseAsString.withDefault(""),
  db: parseAsInteger.withDefault(0),
  list: parseAsStringLiteral(KEY_LISTS).withDefault("keys"),
  key: parseAsString,
  encoding: parseAsStringLiteral(["utf8", "base64"]).withDefault("utf8"),
};

export interface ScanFilter {
  db: number;
  pattern: string;
  type: string;
}

const load = createLoader(parsers);

export const keysState = {
  parsers,
  /** What the list asks for first; null when another list is open. */
  firstPage(searchParams: SearchParams) {
    const { list, ...filter } = load(searchParams);
    return list === "keys" ? keysState.input(filter) : null;
  },
  input: ({ db, pattern, type }: ScanFilter) => ({ db, ...readPattern(pattern), ...(type === "" ? {} : { type }) }),
};
