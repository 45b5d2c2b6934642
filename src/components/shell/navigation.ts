import { Archive, Database, House, ListChecks, ScrollText, Settings, Users, Wrench } from "lucide-react";
import type { ComponentType, SVGProps } from "react";

export const NAVIGATION_AREAS = ["", "manage-dbs", "backups", "jobs", "audit", "users", "tools", "settings"] as const;
export type NavigationArea = (typeof NAVIGATION_AREAS)[number];

export interface NavigationEntry {
  area: NavigationArea;
  href: string;
  label: string;
  /** For the narrow rail and the phone. */
  short: string;
  Icon: ComponentType<SVGProps<SVGSVGElement>>;
}

export const NAVIGATION: readonly NavigationEntry[] = [
  { area: "", href: "/", label: "Home", short: "Home", Icon: House },
  { area: "manage-dbs", href: "/manage-dbs", label: "Manage databases", short: "Databases", Icon: Database },
  { area: "backups", href: "/backups", label: "Backups", short: "Backups", Icon: Archive },
  { area: "jobs", href: "/jobs", label: "Jobs", short: "Jobs", Icon: ListChecks },
  { area: "audit", href: "/audit", label: "Audit", short: "Audit", Icon: ScrollText },
  { area: "users", href: "/users", label: "Users", short: "Users", Icon: Users },
  { area: "tools", href: "/tools", label: "Tools", short: "Tools", Icon: Wrench },
  { area: "settings", href: "/settings", label: "Settings", short: "Settings", Icon: Settings },
];

/** What stands beside an entry: a number, or a dot for "something is going on". */
export interface NavigationMark {
  count?: number;
  dot?: boolean;
  /** Says what is counted, read aloud: "5 need attention". */
  label: string;
}

export type NavigationMarks = Partial<Record<NavigationArea, NavigationMark>>;
