import Link from "next/link";
import { EngineMark } from "@/components/engine-mark";
import type { EngineTab } from "@/components/shell/shell-location";
import { classNames } from "@/components/ui/class-names";
import { HealthDot } from "@/components/ui/health-dot";
import { ENGINES, type EngineId } from "@/engines";

/** The four engines with version and health; the active one is a tile. */
export function EngineTabsRow({ tabs, active }: { tabs: readonly EngineTab[]; active: EngineId | null }) {
  return (
    <nav aria-label="Engines" className="no-scrollbar hidden h-11 shrink-0 items-center gap-1.5 overflow-x-auto border-b border-line bg-canvas px-3 md:flex">
      {tabs.map((tab) => (
        <Link
          key={tab.engine}
          href={tab.href}
          aria-current={tab.engine === active ? "page" : undefined}
          className={classNames(
            "flex h-8 shrink-0 items-center gap-2 rounded-lg border px-2 text-13 font-medium",
            tab.engine === active ? "border-line bg-surface text-fg" : "border-transparent text-fg-2 hover:bg-hover hover:text-fg",
          )}
        >
          <EngineMark engine={tab.engine} />
          {ENGINES[tab.engine].label}
          {/* Its place is kept while the version is asked for: a tab must not move away under a click. */}
          {tab.health ? <span className="min-w-10 text-12 font-normal text-fg-3">{tab.version}</span> : null}
          {tab.health ? <HealthDot health={tab.health} /> : null}
        </Link>
      ))}
    </nav>
  );
}
