import { useEffect } from "react";
import type { BackupDetail } from "@/backups/backups.schema";
import { later } from "@/components/later";
import { Panel, PanelHead } from "@/components/ui/panel";
import { Segmented } from "@/components/ui/segmented";
import { formatCount } from "@/lib/format";

const loadChosen = () => import("@/backups/chosen-objects");
const ChosenObjects = later(() => loadChosen().then((module) => module.ChosenObjects), {
  // A search of 45 px, and under it rows of 28 px in a list that ends at 288.
  loading: ({ objects }) => <div style={{ height: 45 + Math.min(288, 8 + 28 * objects.length) }} />,
});

interface RestoreObjectsProps {
  objects: BackupDetail["objects"];
  /** Null: everything. */
  chosen: readonly string[] | null;
  onChange: (chosen: readonly string[] | null) => void;
}

/** Everything of a backup, or only some objects of it. */
export function RestoreObjects({ objects, chosen, onChange }: RestoreObjectsProps) {
  // Here before it is asked for.
  useEffect(() => void loadChosen(), []);
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
      {chosen === null ? null : <ChosenObjects objects={objects} chosen={chosen} onChange={onChange} />}
    </Panel>
  );
}
