/** The elements of a collection as rows of one shape, whatever its type; a row can be shown, and its value asked for whole. */
import type { RouterOutputs } from "@/trpc/client";
import type { BytesEncoding, RedisBytes } from "../../redis.schema";
import { addressOf, byteLength, shownName } from "./key-names";

type KeyDetail = RouterOutputs["redis"]["keys"]["get"];
export type KeyKind = KeyDetail["value"]["kind"];
export type StreamGroup = Extract<KeyDetail["value"], { kind: "stream" }>["groups"][number];

/** What `element` takes. */
export interface ElementAddress {
  element: string;
  elementEncoding: BytesEncoding;
  position?: number;
}

export interface ElementRow {
  id: string;
  /** One a column: bytes, or text of the server's own that needs no care. Null leaves it empty. */
  cells: (RedisBytes | string | null)[];
  /** Shown below when the row is opened. */
  title: string;
  value: RedisBytes;
  bytes: number;
  /** Null where the value is here whole, or cannot be asked for alone. */
  address: ElementAddress | null;
}

export interface ElementColumn {
  name: string;
  /** Width of the column; one of them grows. */
  className: string;
  number?: boolean;
}

const value: ElementColumn = { name: "Value", className: "min-w-32 grow" };
const name = "w-52 shrink-0 max-sm:w-32";
const length: ElementColumn = { name: "Length", className: "w-24 shrink-0 max-sm:w-16", number: true };

/** The columns of a type. `hasExpiries`: some field of the hash has an expiry of its own. */
export function elementColumns(kind: KeyKind, { hasExpiries, isSearch }: { hasExpiries: boolean; isSearch: boolean }): ElementColumn[] {
  const columns: Record<KeyKind, ElementColumn[]> = {
    hash: [{ name: "Field", className: name }, value, ...(hasExpiries ? [{ name: "Expires", className: "w-48 shrink-0" }] : []), length],
    list: [{ name: "Index", className: "w-24 shrink-0", number: true }, value, length],
    set: [{ ...value, name: "Member" }, length],
    zset: [
      ...(isSearch ? [] : [{ name: "Rank", className: "w-20 shrink-0 max-sm:w-14", number: true }]),
      { name: "Score", className: "w-52 shrink-0 max-sm:w-28", number: true },
      { ...value, name: "Member" },
      length,
    ],
    stream: [{ name: "Entry", className: "w-48 shrink-0 max-sm:w-28" }, { name: "Field", className: "w-36 shrink-0 max-sm:w-20" }, value, length],
    string: [],
    other: [],
  };
  return columns[kind];
}

export function hasFieldExpiries(pages: readonly KeyDetail[]): boolean {
  return pages.some(({ value: page }) => page.kind === "hash" && page.fields.some((field) => field.expiresAt !== null));
}

/** Rows of all pages, each element once: the server may name one twice while it resizes. */
export function elementRows(pages: readonly KeyDetail[], columns: { hasExpiries: boolean; isSearch: boolean }): ElementRow[] {
  const rows = new Map<string, ElementRow>();
  for (const page of pages) for (const row of pageRows(page.value, columns)) rows.set(row.id, row);
  return [...rows.values()];
}

function pageRows(page: KeyDetail["value"], { hasExpiries, isSearch }: { hasExpiries: boolean; isSearch: boolean }): ElementRow[] {
  switch (page.kind) {
    case "hash":
      return page.fields.map((field) => {
        const bytes = byteLength(field.value);
        const address = addressOf(field.field);
        return {
          id: nameId(field.field),
          cells: [field.field, field.value, ...(hasExpiries ? [field.expiresAt] : []), lengthText(bytes)],
          title: shownName(field.field),
          value: field.value,
          bytes,
          address: address && { element: address.key, elementEncoding: address.encoding },
        };
      });
    case "list":
      return page.items.map((item) => {
        const bytes = byteLength(item.value);
        return {
          id: String(item.index),
          cells: [String(item.index), item.value, lengthText(bytes)],
          title: `Item ${item.index}`,
          value: item.value,
          bytes,
          address: { element: String(item.index), elementEncoding: "utf8" },
        };
      });
    case "set":
      return page.members.map((member) => {
        const bytes = byteLength(member);
        return { id: nameId(member), cells: [member, lengthText(bytes)], title: "Member", value: member, bytes, address: null };
      });
    case "zset":
      return page.members.map(({ member, score, rank }) => {
        const bytes = byteLength(member);
        return {
          id: nameId(member),
          cells: [...(isSearch ? [] : [rank === null ? null : String(rank)]), score, member, lengthText(bytes)],
          title: `Member with score ${score}`,
          value: member,
          bytes,
          address: null,
        };
      });
    case "stream":
      return page.entries.flatMap((entry) =>
        entry.fields.map(({ field, value: content }, position) => {
          const bytes = byteLength(content);
          return {
            id: `${entry.id} ${position}`,
            cells: [position === 0 ? entry.id : null, field, content, lengthText(bytes)],
            title: `${entry.id} ${shownName(field)}`,
            value: content,
            bytes,
            address: { element: entry.id, elementEncoding: "utf8" as const, position },
          };
        }),
      );
    case "string":
    case "other":
      return [];
  }
}

function nameId(bytes: RedisBytes): string {
  return `${"text" in bytes ? `t${bytes.text}` : `b${bytes.base64}`}/${bytes.length ?? ""}`;
}

const lengthText = (bytes: number): string => `${bytes} B`;
