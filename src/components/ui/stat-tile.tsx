import type { ReactNode } from "react";
import { Sparkline } from "@/components/ui/sparkline";

export interface StatTileProps {
  label: string;
  value: string;
  unit?: string | undefined;
  note?: ReactNode;
  /** Oldest first. */
  series?: readonly number[];
}

export function StatTile({ label, value, unit, note, series = [] }: StatTileProps) {
  return (
    <section aria-label={label} className="min-w-0 rounded-lg border border-line bg-surface p-4 pt-3">
      <h3 className="text-12 font-normal text-fg-3">{label}</h3>
      <p className="flex flex-wrap items-baseline gap-x-1.5">
        <span className="text-22 font-semibold">{value}</span>
        {unit ? <span className="text-13 text-fg-2">{unit}</span> : null}
      </p>
      <Sparkline series={series} label={`${label}, last 15 minutes`} className="mt-1.5" />
      <p className="mt-2 min-h-4 truncate text-12 text-fg-3">{note}</p>
    </section>
  );
}
