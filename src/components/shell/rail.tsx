"use client";

import { PanelLeftClose, PanelLeftOpen } from "lucide-react";
import Link from "next/link";
import type { NavigationEntry, NavigationMarks } from "@/components/shell/navigation";
import { UserMenu, type UserMenuProps } from "@/components/shell/user-menu";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";

export interface RailProps extends UserMenuProps {
  entries: readonly NavigationEntry[];
  area: string;
  marks: NavigationMarks;
  wide: boolean;
  onWideChange: (wide: boolean) => void;
}

/** The left rail: 64 px with small words, or 220 with whole ones. */
export function Rail({ entries, area, marks, wide, onWideChange, ...user }: RailProps) {
  const Toggle = wide ? PanelLeftClose : PanelLeftOpen;
  return (
    <div
      className={classNames(
        "hidden shrink-0 flex-col overflow-y-auto border-r border-line bg-surface md:flex",
        wide ? "w-[220px] px-2.5" : "no-scrollbar w-16 px-0.5",
      )}
    >
      <nav aria-label="Console" className="py-2.5">
        <ul className="flex flex-col gap-0.5">
          {entries.map((entry) => (
            <li key={entry.href}>
              <RailLink entry={entry} active={entry.area === area} mark={marks[entry.area]} wide={wide} />
            </li>
          ))}
        </ul>
      </nav>
      <div className={classNames("mt-auto flex flex-col gap-1 pb-2.5", wide ? "items-stretch" : "items-center")}>
        <IconButton
          label={wide ? "Make the rail narrow" : "Make the rail wide"}
          size="sm"
          className={wide ? "ml-auto" : ""}
          onClick={() => onWideChange(!wide)}
        >
          <Toggle aria-hidden />
        </IconButton>
        <div className={classNames(wide && "border-t border-line pt-2")}>
          <UserMenu {...user} wide={wide} />
        </div>
      </div>
    </div>
  );
}

function RailLink({ entry, active, mark, wide }: { entry: NavigationEntry; active: boolean; mark: NavigationMarks[keyof NavigationMarks]; wide: boolean }) {
  const { Icon } = entry;
  const look = active ? "bg-accent-soft text-accent-text" : "text-fg-2 hover:bg-hover hover:text-fg";
  return (
    <Link
      href={entry.href}
      aria-current={active ? "page" : undefined}
      className={classNames(
        "relative flex rounded-lg font-medium transition-colors duration-75 -outline-offset-2",
        look,
        wide ? "h-9 items-center gap-2.5 px-2.5 text-13" : "h-[52px] flex-col items-center justify-center gap-1 text-11",
      )}
    >
      <span className="relative">
        <Icon aria-hidden className="size-[18px]" />
        {mark?.dot && !wide ? <span className="absolute -top-1 -right-1.5 size-2 rounded-full border border-surface bg-accent" /> : null}
      </span>
      {wide ? entry.label : entry.short}
      {mark && wide && mark.count !== undefined ? (
        <span aria-hidden="true" className="ml-auto text-12">
          {mark.count}
        </span>
      ) : null}
      {mark ? <span className="sr-only">, {mark.label}</span> : null}
    </Link>
  );
}
