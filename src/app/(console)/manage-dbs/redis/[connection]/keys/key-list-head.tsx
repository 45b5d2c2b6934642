"use client";
import { Segmented } from "@/components/ui/segmented";
import { Select } from "@/components/ui/select";
import { formatCount } from "@/lib/format";
import type { ScanState } from "./key-scan";
import type { KEY_LISTS } from "./keys.state";

type KeyListName = (typeof KEY_LISTS)[number];

export interface KeyListHeadProps {
  db: number;
  onDatabase: (db: number) => void;
  list: KeyListName;
  onList: (list: KeyListName) => void;
}

export function ListSwitch({ list, onList }: Pick<KeyListHeadProps, "list" | "onList">) {
  return (
    <Segmented
      label="List"
      name="key-list"
      value={list}
      onChange={onList}
      options={[
        { value: "keys", label: "By name" },
        { value: "popular", label: "Most used" },
      ]}
    />
  );
}

/** Beyond so many only those that hold keys are offered. */
const OFFERED_MAX = 64;

/** Logical databases with the keys they hold, as the server counts them. */
export function DatabaseSelect({
  db,
  about,
  onDatabase,
}: Pick<KeyListHeadProps, "db" | "onDatabase"> & { about: Pick<NonNullable<ScanState["about"]>, "databases" | "databasesMax"> | null }) {
  const counts = new Map((about?.databases ?? []).map((entry) => [entry.db, entry.keys]));
  const all = about?.databasesMax && about.databasesMax <= OFFERED_MAX ? Array.from({ length: about.databasesMax }, (_, number) => number) : [];
  const offered = [...new Set([0, ...all, ...counts.keys(), db])].toSorted((a, b) => a - b);
  return (
    <Select label="Logical database" className="w-20 shrink-0" value={db} onChange={(event) => onDatabase(Number(event.target.value))}>
      {offered.map((number) => (
        <option key={number} value={number}>
          {`db${number}`}
          {about === null || number === db ? "" : counts.has(number) ? `, ${formatCount(counts.get(number) ?? 0)} keys` : ", empty"}
        </option>
      ))}
    </Select>
  );
}
