"use client";

import { Ellipsis } from "lucide-react";
import Link from "next/link";
import { lazy, useState } from "react";
import type { NavigationEntry, NavigationMarks } from "@/components/shell/navigation";
import type { UserMenuProps } from "@/components/shell/user-menu";
import { classNames } from "@/components/ui/class-names";
import { Dialog } from "@/components/ui/dialog";

// The dialog waits for it with its own code, and opens in its full height.
const PhoneMore = lazy(async () => ({ default: (await import("@/components/shell/phone-more")).PhoneMore }));

export interface PhoneTabsProps extends UserMenuProps {
  entries: readonly NavigationEntry[];
  area: string;
  marks: NavigationMarks;
}

const tabsMax = 4;

/** Four areas and "More" at the lower edge of a phone. */
export function PhoneTabs({ entries, area, marks, ...account }: PhoneTabsProps) {
  const [open, setOpen] = useState(false);
  const rest = entries.slice(tabsMax);
  const tab = "flex h-full grow basis-0 flex-col items-center justify-center gap-1 text-11 font-medium -outline-offset-2";
  return (
    <>
      <nav aria-label="Console" className="flex h-[60px] shrink-0 border-t border-line bg-surface md:hidden">
        {entries.slice(0, tabsMax).map((entry) => {
          const mark = marks[entry.area];
          const active = entry.area === area;
          return (
            <Link
              key={entry.href}
              href={entry.href}
              aria-current={active ? "page" : undefined}
              className={classNames(tab, active ? "text-accent-text" : "text-fg-2")}
            >
              <span className="relative">
                <entry.Icon aria-hidden className="size-5" />
                {mark?.dot ? <span className="absolute -top-1 -right-1.5 size-2 rounded-full border border-surface bg-accent" /> : null}
              </span>
              {entry.short}
              {mark ? <span className="sr-only">, {mark.label}</span> : null}
            </Link>
          );
        })}
        <button
          type="button"
          aria-haspopup="dialog"
          aria-expanded={open}
          onClick={() => setOpen(true)}
          className={classNames(tab, rest.some((entry) => entry.area === area) ? "text-accent-text" : "text-fg-2")}
        >
          <Ellipsis aria-hidden className="size-5" />
          More
        </button>
      </nav>
      <Dialog open={open} onOpenChange={setOpen} title="More" sheet>
        <PhoneMore entries={rest} area={area} onLeave={() => setOpen(false)} {...account} />
      </Dialog>
    </>
  );
}
