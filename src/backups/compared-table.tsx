"use client";
import { useState } from "react";
import type { RestoreOutcome } from "@/backups/restore-outcome";
import { Badge, PassMark } from "@/components/ui/badge";
import { ShowAllFoot } from "@/components/show-all-foot";
import { Panel, PanelHead } from "@/components/ui/panel";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { Check } from "lucide-react";
import { formatCount } from "@/lib/format";

const SHOWN_FIRST = 12;

/** Every object of the manifest beside what was restored of it. What differs stands first. */
export function ComparedTable({ objects }: { objects: RestoreOutcome["objects"] }) {
  const [all, setAll] = useState(false);
  const equal = objects.filter((object) => object.equal).length;
  const sorted = objects.toSorted((a, b) => Number(a.equal) - Number(b.equal));
  const shown = all ? sorted : sorted.slice(0, SHOWN_FIRST);
  return (
    <Panel aria-label="Compared with the manifest">
      <PanelHead
        title="Compared with the manifest"
        badge={
          <Badge tone={equal === objects.length ? "green" : "red"} icon={equal === objects.length ? <Check aria-hidden /> : null}>
            {formatCount(equal)} of {formatCount(objects.length)} equal
          </Badge>
        }
      />
      <Table label="Objects compared">
        <TableHead>
          <tr>
            <ColumnHead>Object</ColumnHead>
            <ColumnHead number>In manifest</ColumnHead>
            <ColumnHead number>Restored</ColumnHead>
            <ColumnHead>Result</ColumnHead>
          </tr>
        </TableHead>
        <tbody>
          {shown.map((object) => (
            <TableRow key={object.name} dense>
              <RowHead className="min-w-20 wrap-anywhere md:min-w-36">{object.name}</RowHead>
              <TableCell number>{object.inManifest === null ? "" : formatCount(object.inManifest)}</TableCell>
              <TableCell number>{object.restored === null ? "" : formatCount(object.restored)}</TableCell>
              <TableCell>
                <PassMark failed={!object.equal}>{!object.equal ? "different" : object.inManifest === null ? "is there" : "equal"}</PassMark>
              </TableCell>
            </TableRow>
          ))}
        </tbody>
      </Table>
      <ShowAllFoot shown={shown.length} total={sorted.length} note={equal === objects.length ? ", all equal" : undefined} onShowAll={() => setAll(true)} />
    </Panel>
  );
}
