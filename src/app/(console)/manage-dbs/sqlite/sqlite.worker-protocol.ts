/** Messages between the console and a SQLite worker. */

export type WorkerValue = { text: string; storage?: "integer" | "real" | "text" | "blob" | undefined } | null;
/** isText: stored as text, but its bytes are not UTF-8, so they are given as those of a blob. */
export type WireCell = { text: string; storage: "integer" | "real" | "text" | "blob"; length?: number; isText?: true } | null;

export type WorkerRequest =
  | { id: number; op: "open"; path: string }
  | { id: number; op: "close" }
  | { id: number; op: "objects"; sql: string; params: WorkerValue[] }
  | { id: number; op: "cells"; sql: string; params: WorkerValue[] }
  | { id: number; op: "stream"; sql: string; params: WorkerValue[] }
  | { id: number; op: "copy"; target: string; list: string }
  | { id: number; op: "integrity" }
  | { id: number; op: "counts"; foreignKeys: boolean }
  | { id: number; op: "more" };

export type WorkerAnswer =
  | { id: number; value: unknown }
  | { id: number; error: { message: string; code: string | null } }
  | { id: number; batch: WireCell[][] }
  | { id: number; progress: { done: number; total: number } }
  | { id: number; child: number | null };
