"use client";

import { KeyRound, LogOut, Monitor, Moon, Sun } from "lucide-react";
import { Avatar } from "@/components/ui/avatar";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Menu, type MenuItem } from "@/components/ui/menu";

export type Theme = "light" | "dark" | "system";

export interface ShellUser {
  name: string;
  email: string;
  role: string;
}

export interface UserMenuProps {
  user: ShellUser;
  theme: Theme;
  /** Sets the cookie; the class on <html> is changed here at once. */
  onThemeChange: (theme: Theme) => void;
  onSignOut: () => void;
  /** Leads to the account page. */
  accountHref?: string | undefined;
}

const themes: { theme: Theme; label: string; Icon: typeof Sun }[] = [
  { theme: "light", label: "Light", Icon: Sun },
  { theme: "dark", label: "Dark", Icon: Moon },
  { theme: "system", label: "As the system", Icon: Monitor },
];

/** Shows the theme without waiting for the server. */
export function applyTheme(theme: Theme): void {
  const { classList } = document.documentElement;
  classList.remove("light", "dark");
  if (theme !== "system") classList.add(theme);
}

export function userMenuItems({ theme, onThemeChange, onSignOut, accountHref }: Omit<UserMenuProps, "user">): MenuItem[] {
  return [
    { heading: "Theme" },
    ...themes.map(({ theme: choice, label, Icon }) => ({
      label,
      icon: <Icon aria-hidden />,
      checked: choice === theme,
      onSelect: () => {
        applyTheme(choice);
        onThemeChange(choice);
      },
    })),
    { separator: true },
    ...(accountHref ? [{ label: "Your account", icon: <KeyRound aria-hidden />, href: accountHref }] : []),
    { label: "Sign out", icon: <LogOut aria-hidden />, onSelect: onSignOut },
  ];
}

/** User, role and theme at the foot of the rail. */
export function UserMenu({ wide, ...props }: UserMenuProps & { wide: boolean }) {
  const { user, theme, onThemeChange } = props;
  const isDark = theme === "dark" || (theme === "system" && typeof window !== "undefined" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  const next: Theme = isDark ? "light" : "dark";
  const toggle = (
    <IconButton
      label="Change the theme"
      onClick={() => {
        applyTheme(next);
        onThemeChange(next);
      }}
    >
      <Moon aria-hidden />
    </IconButton>
  );
  const menu = (
    <Menu
      align="start"
      side={wide ? "top" : "right"}
      items={userMenuItems(props)}
      head={
        <>
          <p className="font-medium">{user.name}</p>
          <p className="text-12 break-all text-fg-3">{user.email}</p>
        </>
      }
      trigger={
        <button
          type="button"
          aria-label={`${user.name}, ${user.role}: theme, account, sign out`}
          className={classNames("flex min-w-0 items-center rounded-lg p-1 hover:bg-hover", wide ? "grow gap-2.5 text-left" : "flex-col gap-1")}
        >
          <Avatar name={user.name} />
          {wide ? (
            <span className="min-w-0">
              <span className="block truncate text-13 leading-4 font-medium">{user.name}</span>
              <span className="block text-12 text-fg-3">{user.role}</span>
            </span>
          ) : (
            <span className="text-11 text-fg-2">{user.role}</span>
          )}
        </button>
      }
    />
  );
  return wide ? (
    <div className="flex items-center gap-1">
      {menu}
      {toggle}
    </div>
  ) : (
    <div className="flex flex-col items-center gap-1">
      {toggle}
      {menu}
    </div>
  );
}
