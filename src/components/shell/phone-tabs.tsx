"use client";

import { Ellipsis, LogOut, Monitor, Moon, Sun } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import type { NavigationEntry, NavigationMarks } from "@/components/shell/navigation";
import { type Theme, type UserMenuProps, applyTheme } from "@/components/shell/user-menu";
import { Avatar } from "@/components/ui/avatar";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Dialog } from "@/components/ui/dialog";
import { Segmented } from "@/components/ui/segmented";

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
        <ul className="-mx-2 flex flex-col">
          {rest.map((entry) => (
            <li key={entry.href}>
              <Link
                href={entry.href}
                onClick={() => setOpen(false)}
                aria-current={entry.area === area ? "page" : undefined}
                className={classNames("flex h-11 items-center gap-3 rounded-lg px-2 text-14", entry.area === area ? "text-accent-text" : "hover:bg-hover")}
              >
                <entry.Icon aria-hidden className="size-5 text-fg-2" />
                {entry.label}
              </Link>
            </li>
          ))}
        </ul>
        <Account {...account} />
      </Dialog>
    </>
  );
}

function Account({ user, theme, onThemeChange, onSignOut }: UserMenuProps) {
  return (
    <div className="mt-3 flex flex-col gap-3 border-t border-line pt-3">
      <div className="flex items-center gap-3">
        <Avatar name={user.name} />
        <span className="min-w-0 grow">
          <span className="block truncate font-medium">{user.name}</span>
          <span className="block text-12 text-fg-3">{user.role}</span>
        </span>
        <Button variant="ghost" onClick={onSignOut}>
          <LogOut aria-hidden />
          Sign out
        </Button>
      </div>
      <Segmented<Theme>
        label="Theme"
        name="phone-theme"
        value={theme}
        options={[
          { value: "light", label: <Sun aria-hidden />, name: "Light" },
          { value: "dark", label: <Moon aria-hidden />, name: "Dark" },
          { value: "system", label: <Monitor aria-hidden />, name: "As the system" },
        ]}
        onChange={(choice) => {
          applyTheme(choice);
          onThemeChange(choice);
        }}
        className="self-start"
      />
    </div>
  );
}
