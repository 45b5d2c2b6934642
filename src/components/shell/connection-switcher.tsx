"use client";

import { ChevronsUpDown } from "lucide-react";
import { type ShellConnection, connectionHref } from "@/components/shell/shell-location";
import { EnvironmentLabel } from "@/components/ui/badge";
import { HealthDot } from "@/components/ui/health-dot";
import { Menu } from "@/components/ui/menu";
import { ENGINES, type EngineId } from "@/engines";

export interface ConnectionSwitcherProps {
  engine: EngineId;
  /** The one that is open. */
  current: ShellConnection | null;
  /** Its name from the URL, when it is not known. */
  name: string;
  connections: readonly ShellConnection[];
  /** The section to stay in: "tables". */
  section?: string;
  phone?: boolean;
}

/** The name of the open connection with its environment; a press shows the others of the same engine. */
export function ConnectionSwitcher({ engine, current, name, connections, section = "", phone = false }: ConnectionSwitcherProps) {
  const own = connections.filter((entry) => entry.engine === engine);
  return (
    <Menu
      align="start"
      items={[
        { heading: `${ENGINES[engine].label} connections` },
        ...own.map((entry) => ({
          label: entry.name,
          icon: <HealthDot health={entry.health} />,
          hint: <EnvironmentLabel environment={entry.environment} />,
          href: connectionHref(engine, entry.name, section),
        })),
      ]}
      trigger={
        <button
          type="button"
          aria-label={`Connection ${name}${current ? `, ${current.environment}` : ""}: switch`}
          className={
            phone
              ? "flex h-11 min-w-0 items-center gap-2 rounded-lg text-14"
              : "flex h-8 min-w-0 items-center gap-2 rounded-lg border border-line-strong bg-surface pr-2 pl-2 text-13 hover:bg-hover"
          }
        >
          <span className="truncate font-medium">{name}</span>
          {current ? <EnvironmentLabel environment={current.environment} solid /> : null}
          <ChevronsUpDown aria-hidden className="size-3.5 text-fg-2" />
        </button>
      }
    />
  );
}
