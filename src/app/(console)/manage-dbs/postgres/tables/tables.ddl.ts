import "server-only";
import type { ConstraintRow, IndexRow, SequenceRow, StorageRow, TriggerRow } from "@/app/(console)/manage-dbs/postgres/tables/tables.structure.queries";
import type { ShapeColumn, TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import { quoteIdentifier, textLiteral } from "@/sql/identifiers";

export interface DdlParts {
  shape: TableShape;
  storage: StorageRow;
  sequences: SequenceRow[];
  constraints: ConstraintRow[];
  indexes: IndexRow[];
  triggers: TriggerRow[];
  policies: string[];
  rules: string[];
  statistics: string[];
}

/** Statements that make the table: `before` its rows come in, and `after` (what is slower or wrong while rows come in). Each without its semicolon. */
export function tableStatements(parts: DdlParts): { before: string[]; after: string[] } {
  const { shape, storage } = parts;
  if (storage.view !== null) return viewStatements(parts, storage.view);
  return {
    before: [
      ...parts.sequences.filter((sequence) => !sequence.identity).map((sequence) => `CREATE SEQUENCE ${sequence.name} ${sequence.definition}`),
      createTable(parts),
      ...defaultsOfInherited(parts),
    ],
    after: [
      ...parts.sequences
        .filter((sequence) => !sequence.identity)
        .map((sequence) => `ALTER SEQUENCE ${sequence.name} OWNED BY ${shape.quoted}.${sequence.column_quoted}`),
      ...parts.sequences
        .filter((sequence) => sequence.last_value !== null)
        .map((sequence) => `SELECT pg_catalog.setval(${textLiteral(sequence.name)}, ${sequence.last_value}, true)`),
      ...keyStatements(parts),
      ...parts.indexes.filter((index) => !index.of_constraint && !index.of_parent).map((index) => index.definition),
      ...indexMarks(parts),
      ...parts.statistics,
      ...parts.constraints.filter((constraint) => constraint.kind === "f" && constraint.local).map((constraint) => addConstraint(shape, constraint)),
      ...parts.triggers.flatMap((trigger) => triggerStatements(shape, trigger)),
      ...parts.rules,
      ...(storage.row_security ? [`ALTER TABLE ${shape.quoted} ENABLE ROW LEVEL SECURITY`] : []),
      ...(storage.force_row_security ? [`ALTER TABLE ${shape.quoted} FORCE ROW LEVEL SECURITY`] : []),
      ...parts.policies,
      ...commentStatements(parts),
    ],
  };
}

function viewStatements(parts: DdlParts, view: string): { before: string[]; after: string[] } {
  const { shape, storage } = parts;
  const definition = view.replace(/;\s*$/, "");
  const options = storage.options ? ` WITH (${storage.options})` : "";
  const create =
    shape.kind === "materialized view"
      ? `CREATE MATERIALIZED VIEW ${shape.quoted}${options}${storage.tablespace ? ` TABLESPACE ${storage.tablespace}` : ""} AS\n${definition}\n  WITH ${storage.populated ? "" : "NO "}DATA`
      : `CREATE VIEW ${shape.quoted}${options} AS\n${definition}`;
  return {
    before: [create],
    after: [
      ...parts.indexes.map((index) => index.definition),
      ...parts.triggers.flatMap((trigger) => triggerStatements(shape, trigger)),
      ...parts.rules,
      ...commentStatements(parts),
    ],
  };
}

function createTable(parts: DdlParts): string {
  const { shape, storage, constraints } = parts;
  const words = [storage.persistence === "u" ? "UNLOGGED " : "", shape.kind === "foreign table" ? "FOREIGN " : ""].join("");
  const tail = tableTail(storage);
  if (storage.partition_of !== null) {
    const own = constraints.filter((constraint) => constraint.kind === "c" && constraint.local).map((constraint) => `  ${namedConstraint(constraint)}`);
    return `CREATE ${words}TABLE ${shape.quoted} PARTITION OF ${storage.partition_of}${own.length > 0 ? ` (\n${own.join(",\n")}\n)` : ""} ${storage.partition_bound ?? ""}${tail}`;
  }
  const inside = [
    ...shape.columns.filter((column) => column.row.local).map((column) => `  ${columnDefinition(parts, column)}`),
    ...constraints.filter((constraint) => constraint.kind === "c" && constraint.local).map((constraint) => `  ${namedConstraint(constraint)}`),
  ];
  return `CREATE ${words}TABLE ${shape.quoted} (${inside.length > 0 ? `\n${inside.join(",\n")}\n` : ""})${storage.inherits ? ` INHERITS (${storage.inherits})` : ""}${tail}`;
}

function tableTail(storage: StorageRow): string {
  return [
    storage.partition_key === null ? "" : ` PARTITION BY ${storage.partition_key}`,
    storage.access_method === null ? "" : ` USING ${storage.access_method}`,
    storage.options === null ? "" : ` WITH (${storage.options})`,
    storage.tablespace === null ? "" : ` TABLESPACE ${storage.tablespace}`,
    storage.server === null ? "" : ` SERVER ${storage.server}`,
    storage.server_options === null ? "" : ` OPTIONS (${storage.server_options})`,
  ].join("");
}

function columnDefinition(parts: DdlParts, column: ShapeColumn): string {
  const { row } = column;
  const identity = row.identity === "" ? "" : ` GENERATED ${row.identity === "a" ? "ALWAYS" : "BY DEFAULT"} AS IDENTITY`;
  const value =
    row.generated === ""
      ? row.default_expression === null
        ? ""
        : ` DEFAULT ${row.default_expression}`
      : ` GENERATED ALWAYS AS (${row.default_expression})${row.generated === "v" ? " VIRTUAL" : " STORED"}`;
  const sequence = identity ? parts.sequences.find((known) => known.identity && known.column === column.name) : undefined;
  const options = sequence ? ` (SEQUENCE NAME ${sequence.name} ${sequence.definition.replace(/^AS \S+ /, "")})` : "";
  return `${column.quoted} ${row.type}${row.collation ? ` COLLATE ${row.collation}` : ""}${value}${identity}${options}${row.own_not_null ? " NOT NULL" : ""}`;
}

/** Columns that come from a parent may have defaults of their own. */
function defaultsOfInherited({ shape, storage }: DdlParts): string[] {
  return shape.columns
    .filter((column) => (storage.partition_of !== null || !column.row.local) && column.row.default_expression !== null && column.row.generated === "")
    .map((column) => `ALTER TABLE ONLY ${shape.quoted} ALTER COLUMN ${column.quoted} SET DEFAULT ${column.row.default_expression}`);
}

const namedConstraint = (constraint: ConstraintRow): string => `CONSTRAINT ${quoteIdentifier(constraint.name)} ${constraint.definition}`;
const addConstraint = (shape: TableShape, constraint: ConstraintRow): string =>
  `ALTER TABLE ${shape.kind === "partitioned table" ? "" : "ONLY "}${shape.quoted} ADD ${namedConstraint(constraint)}`;

function keyStatements({ shape, constraints }: DdlParts): string[] {
  return constraints
    .filter((constraint) => ["p", "u", "x"].includes(constraint.kind) && constraint.local)
    .map((constraint) => addConstraint(shape, constraint));
}

function indexMarks({ shape, indexes }: DdlParts): string[] {
  return indexes.flatMap((index) => [
    ...(index.clustered ? [`ALTER TABLE ${shape.quoted} CLUSTER ON ${quoteIdentifier(index.name)}`] : []),
    ...(index.replica_identity ? [`ALTER TABLE ${shape.quoted} REPLICA IDENTITY USING INDEX ${quoteIdentifier(index.name)}`] : []),
  ]);
}

const TRIGGER_STATES = { O: null, D: "DISABLE", R: "ENABLE REPLICA", A: "ENABLE ALWAYS" } as const;

function triggerStatements(shape: TableShape, trigger: TriggerRow): string[] {
  const state = TRIGGER_STATES[trigger.enabled];
  return [trigger.definition, ...(state === null ? [] : [`ALTER TABLE ${shape.quoted} ${state} TRIGGER ${quoteIdentifier(trigger.name)}`])];
}

const COMMENT_WORDS = {
  table: "TABLE",
  view: "VIEW",
  "materialized view": "MATERIALIZED VIEW",
  "partitioned table": "TABLE",
  "foreign table": "FOREIGN TABLE",
  "virtual table": "TABLE",
} as const;

function commentStatements({ shape, constraints, indexes, triggers }: DdlParts): string[] {
  const comment = (what: string, text: string | null): string[] => (text === null ? [] : [`COMMENT ON ${what} IS ${textLiteral(text)}`]);
  const schema = quoteIdentifier(shape.schema);
  return [
    ...comment(`${COMMENT_WORDS[shape.kind]} ${shape.quoted}`, shape.relation.comment),
    ...shape.columns.flatMap((column) => comment(`COLUMN ${shape.quoted}.${column.quoted}`, column.row.comment)),
    ...constraints.flatMap((constraint) => comment(`CONSTRAINT ${quoteIdentifier(constraint.name)} ON ${shape.quoted}`, constraint.comment)),
    ...indexes.flatMap((index) => comment(`INDEX ${schema}.${quoteIdentifier(index.name)}`, index.comment)),
    ...triggers.flatMap((trigger) => comment(`TRIGGER ${quoteIdentifier(trigger.name)} ON ${shape.quoted}`, trigger.comment)),
  ];
}
