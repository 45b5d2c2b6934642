import { useState } from "react";
import type { BackupDetail } from "@/backups/backups.schema";
import { TextButton } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { SearchInput } from "@/components/ui/input";
import { Panel, PanelFoot, PanelHead } from "@/components/ui/panel";
import { Segmented } from "@/components/ui/segmented";
import { formatCount } from "@/lib/format";

const SHOWN = 200;

interface RestoreObjectsProps {
  objects: BackupDetail["objects"];
  /** Null: everything. */
  chosen: readonly string[] | null;
  onChange: (chosen: readonly string[] | null) => void;
}

/** Everything of a backup, or only some objects of it. */
export function RestoreObjects({ objects, chosen, onChange }: RestoreObjectsProps) {
  const [search, setSearch] = useState("");
  const found = objects.filter((object) => object.name.toLowerCase().includes(search.toLowerCase()));
  const picked = new Set(chosen);
  const toggle = (name: string) => onChange(picked.has(name) ? [...picked].filter((other) => other !== name) : [...picked, name]);
  return (
    <Panel>
      <PanelHead
        title="What"
        plain={chosen === null}
        note={
          chosen === null
            ? `all ${formatCount(objects.length)} objects of the backup`
            : `${formatCount(chosen.length)} of ${formatCount(objects.length)} objects`
        }
        end={
          <Segmented
            label="What is restored"
            name="restored-objects"
            value={chosen === null ? "all" : "chosen"}
            onChange={(value) => onChange(value === "all" ? null : [])}
            options={[
              { value: "all", label: "Everything" },
              { value: "chosen", label: "Chosen objects" },
            ]}
          />
        }
      />
      {chosen === null ? null : (
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
      )}
    </Panel>
  );
}
