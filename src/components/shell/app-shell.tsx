"use client";

import { usePathname } from "next/navigation";
import { type ReactNode, createContext, useContext, useEffect, useMemo, useState } from "react";
import { EngineTabsRow } from "@/components/shell/engine-tabs-row";
import { EnvironmentLine } from "@/components/shell/environment-line";
import { NAVIGATION, type NavigationArea, type NavigationMarks } from "@/components/shell/navigation";
import { PhoneTabs } from "@/components/shell/phone-tabs";
import { Rail } from "@/components/shell/rail";
import { type Crumb, type ShellConnection, engineTabs, readShellLocation } from "@/components/shell/shell-location";
import { useShortcuts } from "@/components/shell/shortcuts";
import { TopBar } from "@/components/shell/top-bar";
import type { UserMenuProps } from "@/components/shell/user-menu";

export interface AppShellProps extends UserMenuProps {
  /** Every connection the user may read; versions and health as last sampled. */
  connections: readonly ShellConnection[];
  /** Where "Manage databases" leads. Not to its own address, which would only send on, and that after a click on a tab has been made. */
  databasesHref?: string | undefined;
  /** Areas this role may open; all without it. */
  areas?: readonly NavigationArea[];
  marks?: NavigationMarks;
  /** The rail as the cookie left it. */
  railWide?: boolean;
  onRailWideChange?: (wide: boolean) => void;
  /** JobsPill, or nothing. */
  jobs?: ReactNode;
  /** Replaces the breadcrumb that is read from the path. */
  breadcrumb?: ReactNode;
  /** Replaces the connection switcher. */
  switcher?: ReactNode;
  /** Opens the command palette (also Ctrl K). */
  onSearch: () => void;
  /** Opens the list of keys (also ?). */
  onKeys: () => void;
  children: ReactNode;
}

const CrumbsContext = createContext<((crumbs: readonly Crumb[] | null) => void) | null>(null);

/** The frame around every signed-in page. Where we are is read from the path, so it is right in the first byte the server sends. */
export function AppShell({
  connections,
  databasesHref,
  areas,
  marks = {},
  railWide = false,
  onRailWideChange,
  jobs,
  breadcrumb,
  switcher,
  onSearch,
  onKeys,
  children,
  ...account
}: AppShellProps) {
  const pathname = usePathname();
  const [wide, setWide] = useState(railWide);
  const [ownCrumbs, setOwnCrumbs] = useState<readonly Crumb[] | null>(null);
  const location = useMemo(() => readShellLocation(pathname, connections), [pathname, connections]);
  const entries = useMemo(
    () =>
      NAVIGATION.filter((entry) => !areas || areas.includes(entry.area)).map((entry) =>
        entry.area === "manage-dbs" && databasesHref ? { ...entry, href: databasesHref } : entry,
      ),
    [areas, databasesHref],
  );
  useShortcuts({ "Control+k": onSearch, "Meta+k": onSearch, "?": onKeys });

  const changeWide = (next: boolean): void => {
    setWide(next);
    onRailWideChange?.(next);
  };

  return (
    <div className="flex h-dvh flex-col overflow-hidden">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-lg focus:bg-raised focus:px-3 focus:py-2 focus:shadow-float"
      >
        Skip to the page
      </a>
      <TopBar
        location={location}
        connections={connections}
        crumbs={ownCrumbs ?? location.crumbs}
        breadcrumb={breadcrumb}
        switcher={switcher}
        jobs={jobs}
        wide={wide}
        onSearch={onSearch}
        onKeys={onKeys}
      />
      <EnvironmentLine environment={location.connection?.environment ?? null} />
      <div className="flex min-h-0 grow">
        <Rail entries={entries} area={location.area} marks={marks} wide={wide} onWideChange={changeWide} {...account} />
        <div className="flex min-w-0 grow flex-col">
          {location.area === "manage-dbs" ? (
            <EngineTabsRow tabs={engineTabs(connections, { engine: location.engine, name: location.connectionName })} active={location.engine} />
          ) : null}
          <main id="main" tabIndex={-1} className="flex min-h-0 grow flex-col overflow-y-auto outline-none">
            <CrumbsContext value={setOwnCrumbs}>{children}</CrumbsContext>
          </main>
        </div>
      </div>
      <PhoneTabs entries={entries} area={location.area} marks={marks} {...account} />
    </div>
  );
}

/** Gives the breadcrumb better words than the path has: `<ShellCrumbs crumbs={[{ label: "Backups", href }, { label: "21 Nov 03:12" }]} />`. */
export function ShellCrumbs({ crumbs }: { crumbs: readonly Crumb[] }) {
  const setCrumbs = useContext(CrumbsContext);
  const key = JSON.stringify(crumbs);
  useEffect(() => {
    setCrumbs?.(JSON.parse(key) as Crumb[]);
    return () => setCrumbs?.(null);
  }, [setCrumbs, key]);
  return null;
}
