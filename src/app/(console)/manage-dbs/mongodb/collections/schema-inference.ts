import "server-only";

import { valuePreview, valueToEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BSON_TYPE, type BsonValue, ElementReader, typeName } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import type { FieldType, SchemaField } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";

/**
 * Learns from raw documents which fields there are, how often, and with which types. Raw, so that Int32, Long and Double stay
 * apart, and bounded: paths, levels, items of an array and examples.
 */

const PATHS_MAX = 1_000;
const LEVELS_MAX = 12;
const ITEMS_MAX = 100;
const EXAMPLES_MAX = 3;
const EXAMPLE_CHARACTERS = 80;
const ITEM = "[]";

interface TypeNode {
  count: number;
  examples: Set<string>;
  min: { order: number; text: string } | null;
  max: { order: number; text: string } | null;
  lengths: { min: number; max: number } | null;
}

interface FieldNode {
  path: string[];
  count: number;
  types: Map<number, TypeNode>;
  children: Map<string, FieldNode>;
}

export class SchemaInference {
  documents = 0;
  fieldsCut = false;
  private paths = 0;
  private readonly root: FieldNode = newField([]);

  /** @throws BsonError when the document is damaged */
  add(document: Buffer): void {
    this.documents++;
    this.root.count++;
    this.addFields(this.root, { bytes: document, type: BSON_TYPE.object, start: 0, end: document.length });
  }

  /** Parents before their children, in the order they were first seen. */
  fields(): SchemaField[] {
    const found: SchemaField[] = [];
    const visit = (field: FieldNode, parents: number): void => {
      if (field.path.length > 0) found.push(toSchemaField(field, parents));
      const objects = field.path.length === 0 ? field.count : (field.types.get(BSON_TYPE.object)?.count ?? 0);
      for (const [name, child] of field.children) visit(child, name === ITEM && child.path.at(-1) === ITEM ? child.count : objects);
    };
    visit(this.root, this.documents);
    return found;
  }

  private addFields(parent: FieldNode, value: BsonValue): void {
    const reader = new ElementReader(value.bytes, value.start, value.end);
    const isArray = value.type === BSON_TYPE.array;
    let items = 0;
    while (reader.next()) {
      if (isArray && ++items > ITEMS_MAX) return;
      const field = this.child(parent, isArray ? ITEM : reader.name());
      if (field) this.addValue(field, reader.value());
    }
  }

  private child(parent: FieldNode, name: string): FieldNode | null {
    const known = parent.children.get(name);
    if (known) return known;
    if (this.paths >= PATHS_MAX || parent.path.length >= LEVELS_MAX) {
      this.fieldsCut = true;
      return null;
    }
    this.paths++;
    const field = newField([...parent.path, name]);
    parent.children.set(name, field);
    return field;
  }

  private addValue(field: FieldNode, value: BsonValue): void {
    field.count++;
    let type = field.types.get(value.type);
    if (!type) {
      type = { count: 0, examples: new Set(), min: null, max: null, lengths: null };
      field.types.set(value.type, type);
    }
    type.count++;
    if (value.type === BSON_TYPE.object || value.type === BSON_TYPE.array) this.addFields(field, value);
    if (value.type !== BSON_TYPE.object && value.type !== BSON_TYPE.array && type.examples.size < EXAMPLES_MAX) type.examples.add(exampleOf(value));
    widen(type, value);
  }
}

const newField = (path: string[]): FieldNode => ({ path, count: 0, types: new Map(), children: new Map() });

function toSchemaField(field: FieldNode, parents: number): SchemaField {
  const types: FieldType[] = [...field.types]
    .sort((a, b) => b[1].count - a[1].count)
    .map(([type, node]) => ({
      type: typeName(type),
      count: node.count,
      share: node.count / field.count,
      examples: [...node.examples],
      min: node.min?.text ?? null,
      max: node.max?.text ?? null,
      lengths: node.lengths,
    }));
  return { path: field.path, count: field.count, share: parents === 0 ? 0 : Math.min(1, field.count / parents), types };
}

/** The plain value where it has one, else its Extended JSON. */
function exampleOf(value: BsonValue): string {
  return (
    exactText(value) ?? (value.type === BSON_TYPE.objectId ? value.bytes.toString("hex", value.start, value.end) : valuePreview(value, EXAMPLE_CHARACTERS))
  );
}

function widen(type: TypeNode, value: BsonValue): void {
  const length = lengthOf(value);
  if (length !== null) type.lengths = { min: Math.min(type.lengths?.min ?? length, length), max: Math.max(type.lengths?.max ?? length, length) };
  const text = exactText(value);
  const order = orderOf(value, text);
  if (text === null || order === null || Number.isNaN(order)) return;
  if (!type.min || order < type.min.order) type.min = { order, text };
  if (!type.max || order > type.max.order) type.max = { order, text };
}

function lengthOf(value: BsonValue): number | null {
  switch (value.type) {
    case BSON_TYPE.string:
    case BSON_TYPE.symbol:
    case BSON_TYPE.binary:
      return value.end - value.start - 5;
    case BSON_TYPE.array:
      return countItems(value);
    default:
      return null;
  }
}

function countItems(value: BsonValue): number {
  const reader = new ElementReader(value.bytes, value.start, value.end);
  let items = 0;
  while (reader.next()) items++;
  return items;
}

/** Numbers and dates in full, without their type tag. */
function exactText(value: BsonValue): string | null {
  const { bytes, type, start } = value;
  if (type === BSON_TYPE.int32) return String(bytes.readInt32LE(start));
  if (type === BSON_TYPE.int64) return String(bytes.readBigInt64LE(start));
  if (type === BSON_TYPE.date) {
    const date = new Date(Number(bytes.readBigInt64LE(start)));
    return Number.isNaN(date.getTime()) ? `${bytes.readBigInt64LE(start)} ms` : date.toISOString();
  }
  if (type === BSON_TYPE.double || type === BSON_TYPE.decimal128) return /:"([^"]*)"/.exec(valueToEjson(value))?.[1] ?? null;
  return null;
}

/** For comparing only: beyond 2^53 neighbours may compare equal, the text stays exact. */
function orderOf(value: BsonValue, text: string | null): number | null {
  if (text === null) return null;
  return value.type === BSON_TYPE.date ? Number(value.bytes.readBigInt64LE(value.start)) : Number(text);
}
