import "server-only";
import { browse, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { tableStatements, type DdlParts } from "@/app/(console)/manage-dbs/postgres/tables/tables.ddl";
import {
  CONSTRAINTS,
  INDEXES,
  POLICIES,
  REFERENCED_BY,
  RULES,
  SEQUENCES,
  STATISTICS,
  STORAGE,
  TRIGGERS,
  type ConstraintRow,
} from "@/app/(console)/manage-dbs/postgres/tables/tables.structure.queries";
import { readShape, wireColumn, type TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import { notThere } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { CallContext, Connection } from "@/server/connection";
import type { TableName, TableSchema } from "@/sql/tables.schema";

/** Columns, indexes, constraints, triggers, references and statements of one table. Throws NOT_FOUND. */
export async function readSchema(connection: Connection, table: TableName, context: CallContext): Promise<TableSchema> {
  return browse(connection, context, async (session) => {
    await session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const shape = await readShape(session, table);
    const parts = await readDdlParts(session, shape);
    const referencedBy = await session.all(REFERENCED_BY, [shape.relation.oid]);
    await session.run("COMMIT");
    const { before, after } = tableStatements(parts);
    return {
      schema: shape.schema,
      name: shape.name,
      kind: shape.kind,
      columns: shape.columns.map(wireColumn),
      indexes: parts.indexes.map(({ name, definition, unique, primary, bytes, scans }) => ({ name, definition, unique, primary, bytes, scans })),
      constraints: parts.constraints
        .filter((constraint) => constraint.kind !== "t")
        .map((constraint) => ({ name: constraint.name, kind: CONSTRAINT_KINDS[constraint.kind], definition: constraint.definition })),
      triggers: parts.triggers.map((trigger) => ({ name: trigger.name, definition: trigger.definition, enabled: trigger.enabled !== "D" })),
      referencedBy,
      ddl: [...before, ...after].map((statement) => `${statement};\n`).join("\n"),
    };
  });
}

const CONSTRAINT_KINDS: Record<ConstraintRow["kind"], TableSchema["constraints"][number]["kind"]> = {
  p: "primary key",
  u: "unique",
  f: "foreign key",
  c: "check",
  x: "exclusion",
  n: "not null",
  t: "check",
};

/** Everything the statements of one table are made of. */
export async function readDdlParts(session: Session, shape: TableShape): Promise<DdlParts> {
  const oid = [shape.relation.oid];
  const [storage] = await session.all(STORAGE, oid);
  if (!storage) throw notThere(`table ${shape.schema}.${shape.name}`);
  return {
    shape,
    storage,
    sequences: await session.all(SEQUENCES, oid),
    constraints: await session.all(CONSTRAINTS, oid),
    indexes: await session.all(INDEXES, oid),
    triggers: await session.all(TRIGGERS, oid),
    policies: (await session.all(POLICIES, oid)).map((policy) => policy.definition),
    rules: (await session.all(RULES, oid)).map((rule) => rule.definition.replace(/;\s*$/, "")),
    statistics: (await session.all(STATISTICS, oid)).map((statistic) => statistic.definition),
  };
}
