"use client";

import { Columns3 } from "lucide-react";
import { type GridColumn, type GridPreferences, columnIds, noPreferences } from "@/components/data-grid/grid-types";
import { Button, TextButton } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Popover } from "@/components/ui/popover";

export interface ColumnChooserProps {
  columns: readonly GridColumn[];
  preferences: GridPreferences;
  onPreferencesChange: (preferences: GridPreferences) => void;
}

/** "8 of 14": which columns are shown. */
export function ColumnChooser({ columns, preferences, onPreferencesChange }: ColumnChooserProps) {
  const ids = columnIds(columns);
  const hidden = new Set(preferences.hidden.filter((id) => ids.includes(id)));
  const shown = ids.length - hidden.size;
  const toggle = (id: string, show: boolean): void => {
    const next = new Set(hidden);
    if (show) next.delete(id);
    else next.add(id);
    onPreferencesChange({ ...preferences, hidden: [...next] });
  };
  return (
    <Popover
      label="Columns"
      align="end"
      className="w-64"
      trigger={
        <Button size="sm">
          <Columns3 aria-hidden />
          {hidden.size === 0 ? ids.length : `${shown} of ${ids.length}`}
          <span className="sr-only">columns</span>
        </Button>
      }
    >
      <div className="flex flex-col gap-2">
        <div className="flex items-center justify-between">
          <p className="font-medium">Columns</p>
          <TextButton className="text-12" onClick={() => onPreferencesChange(noPreferences)}>
            As the table has them
          </TextButton>
        </div>
        <ul className="-mx-1 flex max-h-80 flex-col overflow-y-auto px-1">
          {ids.map((id, index) => (
            <li key={id} className="flex min-h-8 items-center">
              <Checkbox
                checked={!hidden.has(id)}
                disabled={shown === 1 && !hidden.has(id)}
                onChange={(event) => toggle(id, event.target.checked)}
                label={
                  <>
                    {id} <span className="font-mono text-11 text-fg-3">{columns[index]?.type}</span>
                  </>
                }
              />
            </li>
          ))}
        </ul>
      </div>
    </Popover>
  );
}
