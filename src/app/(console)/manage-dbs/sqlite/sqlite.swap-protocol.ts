/** Messages between the console and the worker that changes files: one worker an operation, ended with it. */

/** Puts a private file's content in the place of a live database, and what was live aside. */
export interface PutRequest {
  op: "put";
  /** Path of the live database; its content is replaced, the file stays. */
  live: string;
  /** Path of the private file that goes in. */
  from: string;
  /** Path that what was live is kept under; it does not exist yet. */
  aside: string;
  /** For the console's own database: what must not go back in time is carried over. `storeDir` is where artefacts lie. */
  carryOver: { storeDir: string } | null;
  /** How long to wait for programs that keep the live file locked. */
  waitMs: number;
}

export interface PutResult {
  /** Pages written into the live file. */
  pages: number;
  /** Bytes of what is kept aside. */
  keptBytes: number;
  /** Milliseconds for which others could not write. */
  heldMs: number;
}

/** Which of two states a live database holds, when an interrupted put leaves both files behind. */
export interface WhichRequest {
  op: "which";
  live: string;
  /** The file that was going in. */
  from: string;
  /** The copy of what was live. */
  aside: string;
  /** A path for a temporary copy. */
  scratch: string;
}

export interface WhichResult {
  /** "from": the put was committed. "aside": it was not. null: nothing tells. */
  holds: "from" | "aside" | null;
  how: string;
}

/** Makes a file one without sidecars, in journal_mode DELETE. */
export interface PlainRequest {
  op: "plain";
  path: string;
}

/** Leaves only the named tables, views and virtual tables with their indexes and triggers, in a new file. */
export interface ExtractRequest {
  op: "extract";
  /** A private copy; it is used up. */
  path: string;
  target: string;
  keep: string[];
}

/** Compares the rows of tables of two files by their digests; `tables` null compares the bytes of the files. */
export interface CompareRequest {
  op: "compare";
  left: string;
  right: string;
  tables: string[] | null;
}

export interface CompareResult {
  /** Names of tables, or places in the file, that differ. */
  different: string[];
  method: string;
}

export type FileRequest = PutRequest | WhichRequest | PlainRequest | ExtractRequest | CompareRequest;

export type FileAnswer =
  | { value: unknown }
  | { error: { message: string; code: string | null } }
  | { log: string }
  | { progress: { done: number; total: number } };

/** What an operation tells while it runs. */
export interface Report {
  log(line: string): void;
  progress(done: number, total: number): void;
}
