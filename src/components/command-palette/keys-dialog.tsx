"use client";

import { Dialog } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";

export interface KeysGroup {
  title: string;
  keys: readonly { keys: readonly string[]; what: string }[];
}

export const consoleKeys: readonly KeysGroup[] = [
  {
    title: "Everywhere",
    keys: [
      { keys: ["Ctrl K"], what: "go to anything, do anything" },
      { keys: ["/"], what: "filter or search on this page" },
      { keys: ["?"], what: "this list" },
      { keys: ["Esc"], what: "close what is open" },
    ],
  },
  {
    title: "Rows, keys and documents",
    keys: [
      { keys: ["j", "k"], what: "next, previous" },
      { keys: ["Enter"], what: "open" },
      { keys: ["e"], what: "edit the cell" },
      { keys: ["←", "→"], what: "other column, fold and unfold" },
      { keys: ["Ctrl C"], what: "copy the value" },
      { keys: ["Shift", "click"], what: "sort also by this column" },
    ],
  },
  { title: "Query", keys: [{ keys: ["Ctrl Enter"], what: "run" }] },
];

export interface KeysDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** Keys of the page that is open stand first. */
  pageKeys?: readonly KeysGroup[];
}

/** `?`: what the hands can do here. */
export function KeysDialog({ open, onOpenChange, pageKeys = [] }: KeysDialogProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keys" size="md">
      <div className="grid gap-x-8 gap-y-5 md:grid-cols-2">
        {[...pageKeys, ...consoleKeys].map((group) => (
          <section key={group.title}>
            <h3 className="mb-1.5 text-12 font-medium text-fg-3">{group.title}</h3>
            <dl className="flex flex-col gap-1.5">
              {group.keys.map((entry) => (
                <div key={entry.what} className="flex items-center justify-between gap-3">
                  <dt className="order-2 flex shrink-0 gap-1">
                    {entry.keys.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dt>
                  <dd>{entry.what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
