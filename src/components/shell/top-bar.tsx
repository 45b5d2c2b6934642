"use client";

import { ChevronLeft, Keyboard, Search } from "lucide-react";
import Link from "next/link";
import { Fragment, type ReactNode } from "react";
import { EngineMark } from "@/components/engine-mark";
import { ConnectionSwitcher } from "@/components/shell/connection-switcher";
import { LogoTile } from "@/components/shell/logo-tile";
import { type Crumb, type ShellConnection, type ShellLocation } from "@/components/shell/shell-location";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Kbd } from "@/components/ui/kbd";
import { ENGINES } from "@/engines";

export interface TopBarProps {
  location: ShellLocation;
  connections: readonly ShellConnection[];
  crumbs: readonly Crumb[];
  /** Replaces the breadcrumb wholly. */
  breadcrumb?: ReactNode;
  /** Replaces the connection switcher. */
  switcher?: ReactNode;
  /** JobsPill, or nothing. */
  jobs?: ReactNode;
  wide: boolean;
  onSearch: () => void;
  onKeys: () => void;
}

export function TopBar(props: TopBarProps) {
  const { jobs, wide, onSearch, onKeys, breadcrumb } = props;
  return (
    <header className="flex h-12 shrink-0 items-center bg-surface pr-3 max-md:pl-3 md:pr-4">
      <PhoneStart {...props} />
      <Link
        href="/"
        aria-label="Foundry Console, home"
        className={classNames("hidden h-full shrink-0 items-center gap-2.5 -outline-offset-4 md:flex", wide ? "w-[220px] pl-[18px]" : "w-16 justify-center")}
      >
        <LogoTile />
        {wide ? <span className="text-14 font-semibold">Foundry Console</span> : null}
      </Link>
      <div className={classNames("hidden min-w-0 grow items-center md:flex", wide ? "pl-6" : "pl-3.5")}>{breadcrumb ?? <Breadcrumb {...props} />}</div>
      <div className="ml-auto flex shrink-0 items-center gap-2 md:pl-4">
        <button
          type="button"
          onClick={onSearch}
          aria-keyshortcuts="Control+K"
          className="hidden h-8 w-56 items-center gap-2.5 rounded-lg border border-line bg-sunken pr-1.5 pl-2.5 text-13 text-fg-3 hover:border-line-strong md:flex xl:w-[300px]"
        >
          <Search aria-hidden className="size-4" />
          <span className="truncate">Go to table, key, backup</span>
          <Kbd className="ml-auto">Ctrl K</Kbd>
        </button>
        {jobs}
        <IconButton label="Search" size="lg" className="md:hidden" onClick={onSearch}>
          <Search aria-hidden />
        </IconButton>
        <IconButton label="Keys of this page (?)" className="max-md:hidden" onClick={onKeys}>
          <Keyboard aria-hidden />
        </IconButton>
      </div>
    </header>
  );
}

function Breadcrumb({ location, crumbs, connections, switcher }: TopBarProps) {
  const { engine, connectionName } = location;
  const parts: { key: string; node: ReactNode }[] = [];
  if (engine) {
    parts.push({ key: "engine", node: <CrumbText crumb={{ label: ENGINES[engine].label, href: `/manage-dbs/${engine}` }} last={connectionName === null} /> });
  }
  if (engine && connectionName !== null) {
    parts.push({
      key: "connection",
      node: switcher ?? (
        <ConnectionSwitcher engine={engine} current={location.connection} name={connectionName} connections={connections} section={location.section} />
      ),
    });
  }
  crumbs.forEach((crumb, index) => parts.push({ key: `${index}-${crumb.label}`, node: <CrumbText crumb={crumb} last={index === crumbs.length - 1} /> }));
  return (
    <nav aria-label="Where you are" className="flex min-w-0 items-center gap-2 text-13">
      {parts.map(({ key, node }, index) => (
        <Fragment key={key}>
          {index > 0 ? (
            <span aria-hidden="true" className="text-14 text-line-strong">
              /
            </span>
          ) : null}
          {node}
        </Fragment>
      ))}
    </nav>
  );
}

function CrumbText({ crumb, last }: { crumb: Crumb; last: boolean }) {
  if (last) {
    return (
      <span aria-current="page" title={crumb.label} className="min-w-0 truncate font-medium">
        {crumb.label}
      </span>
    );
  }
  const look = "max-w-60 shrink-0 truncate text-fg-2";
  return crumb.href ? (
    <Link href={crumb.href} className={classNames(look, "rounded-sm hover:text-fg")}>
      {crumb.label}
    </Link>
  ) : (
    <span className={look}>{crumb.label}</span>
  );
}

/** On a phone: the logo and the name, or the way back and the connection. */
function PhoneStart({ location, connections }: TopBarProps) {
  const { engine, connectionName } = location;
  if (!engine || connectionName === null) {
    return (
      <Link href="/" className="flex h-11 min-w-0 items-center gap-2 md:hidden">
        <LogoTile />
        <span className="truncate text-14 font-semibold">Foundry Console</span>
      </Link>
    );
  }
  return (
    <div className="flex min-w-0 items-center gap-2 md:hidden">
      <Link href="/manage-dbs" aria-label="All databases" className="-ml-3 flex size-11 shrink-0 items-center justify-center -mr-2">
        <ChevronLeft aria-hidden className="size-5" />
      </Link>
      <EngineMark engine={engine} size={24} />
      <ConnectionSwitcher engine={engine} current={location.connection} name={connectionName} connections={connections} section={location.section} phone />
    </div>
  );
}
