import type { ReactNode } from "react";
import { SubNavigation } from "@/components/shell/sub-navigation";

/** Settings: connections for admins, limits and one's own account for everybody. */
export function SettingsFrame({ admin, children }: { admin: boolean; children: ReactNode }) {
  const items = [
    ...(admin ? [{ label: "Connections", href: "/settings/connections" }] : []),
    { label: "Account", href: "/settings/account" },
    { label: "Limits", href: "/settings/limits" },
  ];
  return (
    <>
      <SubNavigation label="Settings" items={items} />
      {children}
    </>
  );
}
