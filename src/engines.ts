/** The registry of engines: what the client may know of each. The only file besides trpc/root.ts that names all four. */

export const ENGINE_IDS = ["sqlite", "redis", "postgres", "mongodb"] as const;
export type EngineId = (typeof ENGINE_IDS)[number];

export interface EngineSection {
  /** Last segment of the URL; empty for the overview. */
  segment: string;
  label: string;
}

/** What a backup may be asked to be instead of what the engine takes by itself. */
export interface BackupFormat {
  /** As the manifest says it. */
  id: string;
  /** On the badge of such a backup. */
  label: string;
  /** On the button that asks for one. */
  action: string;
  /** What it is good for, and what it is not. */
  words: string;
}

export interface EngineEntry {
  id: EngineId;
  label: string;
  /** What the engine holds, in its own words. */
  objectWord: { one: string; many: string };
  /** What one object holds. */
  itemWord: { one: string; many: string };
  sections: readonly EngineSection[];
  /** Absent where there is nothing to choose. */
  formats?: readonly BackupFormat[];
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
    formats: [
      {
        id: "redis-portable",
        label: "portable",
        action: "Back up as portable",
        words:
          "Typed values as JSON lines, restored by plain commands: for another version or fork. Read key by key (fuzzy), without module types and functions.",
      },
    ],
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

export function backupFormat(engine: EngineId, id: string | null): BackupFormat | undefined {
  return ENGINES[engine].formats?.find((format) => format.id === id);
}

export function isEngineId(value: string): value is EngineId {
  return (ENGINE_IDS as readonly string[]).includes(value);
}
