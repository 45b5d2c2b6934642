"use client";
import { Note } from "@/components/ui/note";
import { type SharePart, ShareBar } from "@/components/ui/progress";
import { formatCount, formatShare } from "@/lib/format";
import type { RouterOutputs } from "@/trpc/client";

export type SchemaField = RouterOutputs["mongodb"]["collections"]["schema"]["fields"][number];

/** "address.city", "tags[]"; a name that would read as a path stands in quotes. */
export function fieldPath(path: readonly string[]): string {
  return path
    .map((name, index) => (name === "[]" ? "[]" : `${index === 0 ? "" : "."}${name === "" || /[.[\]"\s]/.test(name) ? JSON.stringify(name) : name}`))
    .join("");
}

const TYPES_NAMED = 4;

/** The first type in the colour of bars, Null in grey, what differs in amber. */
function tone(field: SchemaField, type: string): SharePart["tone"] {
  if (type === "Null") return "grey";
  return type === field.types.find((entry) => entry.type !== "Null")?.type ? "bar" : "amber";
}

const MARKS = { bar: "fill-bar", grey: "fill-grey-dot", amber: "fill-amber", green: "fill-green", red: "fill-red" };

/** How often a field is there and of which types: words and a bar that says the same. */
export function FieldShares({ field }: { field: SchemaField }) {
  const rest = field.types.slice(TYPES_NAMED);
  return (
    <div className="flex flex-col gap-1.5">
      <p className="flex items-baseline gap-3">
        <span className="min-w-0 font-mono text-12 font-medium break-all">{fieldPath(field.path)}</span>
        <span className="ml-auto shrink-0 text-12 text-fg-3">{field.share >= 1 ? "always" : formatShare(field.share)}</span>
      </p>
      <ShareBar parts={field.types.map((entry) => ({ label: entry.type, share: entry.share * field.share, tone: tone(field, entry.type) }))} />
      <p className="flex flex-wrap gap-x-3 text-12 text-fg-2">
        {field.types.slice(0, TYPES_NAMED).map((entry) => (
          <span key={entry.type} className="inline-flex items-center gap-1.5">
            <svg width="6" height="6" aria-hidden="true">
              <rect width="6" height="6" rx="1" className={MARKS[tone(field, entry.type)]} />
            </svg>
            {entry.type} <span className="text-fg-3">{formatShare(entry.share)}</span>
          </span>
        ))}
        {rest.length > 0 ? <span className="text-fg-3">{formatCount(rest.length)} more types</span> : null}
      </p>
    </div>
  );
}

/** Fields whose values are of more than one type besides Null: a sort or a comparison mixes them. */
export function MixedTypes({ fields, className }: { fields: readonly SchemaField[]; className?: string }) {
  const mixed = fields.filter((field) => typesOf(field).length > 1);
  const [first] = mixed;
  if (!first) return null;
  const [, ...others] = typesOf(first);
  const second = others[0];
  return (
    <Note tone="amber" {...(className ? { className } : {})} title={`${fieldPath(first.path)} has ${typesOf(first).length} types.`}>
      {others.length === 1 && second ? `${formatShare(second.share)} are ${second.type}, a sort by it mixes them.` : "A sort by it mixes them."}
      {mixed.length > 1 ? ` ${formatCount(mixed.length - 1)} more ${mixed.length === 2 ? "field has" : "fields have"} several types.` : ""}
    </Note>
  );
}

/** Numbers of all widths compare as numbers: together they are one. */
function typesOf(field: SchemaField): SchemaField["types"] {
  const numbers = new Set(["Int32", "Long", "Double", "Decimal128"]);
  const others = field.types.filter(({ type }) => type !== "Null" && !numbers.has(type));
  const first = field.types.find(({ type }) => numbers.has(type));
  return first ? [first, ...others].toSorted((a, b) => b.share - a.share) : others;
}
