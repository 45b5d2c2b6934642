import { useState } from "react";
import type { BackupDetail } from "@/backups/backups.schema";
import { TextButton } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { SearchInput } from "@/components/ui/input";
import { PanelFoot } from "@/components/ui/panel";
import { formatCount } from "@/lib/format";

const SHOWN = 200;

interface ChosenObjectsProps {
  objects: BackupDetail["objects"];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}

/** The objects of a backup, to be ticked. */
export function ChosenObjects({ objects, chosen, onChange }: ChosenObjectsProps) {
  const [search, setSearch] = useState("");
  const found = objects.filter((object) => object.name.toLowerCase().includes(search.toLowerCase()));
  const picked = new Set(chosen);
  const toggle = (name: string) => onChange(picked.has(name) ? [...picked].filter((other) => other !== name) : [...picked, name]);
  return (
    <>
      <div className="flex items-center gap-3 border-b border-line-soft px-4 py-2">
        <SearchInput
          fieldSize="sm"
          boxClassName="grow"
          label="Search objects"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
        <TextButton className="text-12 whitespace-nowrap" onClick={() => onChange([...new Set([...picked, ...found.map((object) => object.name)])])}>
          All {formatCount(found.length)}
        </TextButton>
        <TextButton className="text-12 whitespace-nowrap" disabled={chosen.length === 0} onClick={() => onChange([])}>
          None
        </TextButton>
      </div>
      <ul className="max-h-72 overflow-y-auto py-1" aria-label="Objects to restore">
        {found.slice(0, SHOWN).map((object) => (
          <li key={object.name} className="flex items-center gap-3 px-4 py-1 hover:bg-hover">
            <Checkbox className="min-w-0 grow wrap-anywhere" label={object.name} checked={picked.has(object.name)} onChange={() => toggle(object.name)} />
            <span className="shrink-0 text-12 text-fg-3">
              {object.kind}
              {object.count === null ? "" : `, ${formatCount(object.count)}`}
            </span>
          </li>
        ))}
      </ul>
      {found.length > SHOWN ? <PanelFoot>{formatCount(found.length - SHOWN)} more: search for them</PanelFoot> : null}
    </>
  );
}
