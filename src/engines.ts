/** The registry of engines: what the client may know of each. The only file besides trpc/root.ts that names all four. */

export const ENGINE_IDS = ["sqlite", "redis", "postgres", "mongodb"] as const;
export type EngineId = (typeof ENGINE_IDS)[number];

export interface EngineSection {
  /** Last segment of the URL; empty for the overview. */
  segment: string;
  label: string;
}

export interface EngineEntry {
  id: EngineId;
  label: string;
  /** What the engine holds, in its own words. */
  objectWord: { one: string; many: string };
  /** What one object holds. */
  itemWord: { one: string; many: string };
  sections: readonly EngineSection[];
}

const overview = { segment: "", label: "Overview" };
const backups = { segment: "backups", label: "Backups" };
const tables = { segment: "tables", label: "Tables" };

export const ENGINES: Record<EngineId, EngineEntry> = {
  sqlite: {
    id: "sqlite",
    label: "SQLite",
    objectWord: { one: "table", many: "tables" },
    itemWord: { one: "row", many: "rows" },
    sections: [overview, tables, backups],
  },
  redis: {
    id: "redis",
    label: "Redis",
    objectWord: { one: "database", many: "databases" },
    itemWord: { one: "key", many: "keys" },
    sections: [overview, { segment: "keys", label: "Keys" }, backups],
  },
  postgres: {
    id: "postgres",
    label: "PostgreSQL",
    objectWord: { one: "table", many: "tables" },
    itemWord: { one: "row", many: "rows" },
    sections: [overview, tables, backups],
  },
  mongodb: {
    id: "mongodb",
    label: "MongoDB",
    objectWord: { one: "collection", many: "collections" },
    itemWord: { one: "document", many: "documents" },
    sections: [overview, { segment: "collections", label: "Collections" }, backups],
  },
};

export function isEngineId(value: string): value is EngineId {
  return (ENGINE_IDS as readonly string[]).includes(value);
}
