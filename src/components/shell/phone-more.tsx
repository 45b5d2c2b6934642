"use client";

import { LogOut, Monitor, Moon, Sun } from "lucide-react";
import Link from "next/link";
import type { NavigationEntry } from "@/components/shell/navigation";
import { type Theme, type UserMenuProps, applyTheme } from "@/components/shell/user-menu";
import { Avatar } from "@/components/ui/avatar";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Segmented } from "@/components/ui/segmented";

interface PhoneMoreProps extends UserMenuProps {
  entries: readonly NavigationEntry[];
  area: string;
  /** One of the areas was chosen. */
  onLeave: () => void;
}

/** The areas that have no tab of their own, and the account. */
export function PhoneMore({ entries, area, onLeave, ...account }: PhoneMoreProps) {
  return (
    <>
      <ul className="-mx-2 flex flex-col">
        {entries.map((entry) => (
          <li key={entry.href}>
            <Link
              href={entry.href}
              onClick={onLeave}
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
