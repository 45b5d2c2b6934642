"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";
import { connectionHref } from "@/components/shell/shell-location";
import { classNames } from "@/components/ui/class-names";
import { ENGINES, type EngineId } from "@/engines";

export interface SubNavigationItem {
  label: string;
  href: string;
  /** Active on this very path only, not below it. */
  exact?: boolean;
}

export interface SubNavigationProps {
  label: string;
  items: readonly SubNavigationItem[];
  /** Page facts and at most two buttons. A mere fact is left out on a phone. */
  end?: ReactNode;
}

/** The row under the engine tabs: 44 px, the active item underlined. */
export function SubNavigation({ label, items, end }: SubNavigationProps) {
  const pathname = usePathname();
  return (
    <div className="flex min-h-11 shrink-0 items-center border-b border-line bg-surface pr-4 max-md:flex-wrap">
      <nav aria-label={label} className="no-scrollbar flex h-11 min-w-0 overflow-x-auto px-2.5 md:px-3">
        {items.map((item) => {
          const path = item.href.split("?")[0] ?? item.href;
          const active = pathname === path || (!item.exact && pathname.startsWith(`${path}/`));
          return (
            <Link
              key={item.href}
              href={item.href}
              aria-current={active ? "page" : undefined}
              className={classNames(
                "relative flex shrink-0 items-center px-2.5 text-13 -outline-offset-2 after:absolute after:inset-x-2.5 after:-bottom-px after:h-0.5",
                active ? "font-medium text-fg after:bg-accent" : "text-fg-2 hover:text-fg",
              )}
            >
              {item.label}
            </Link>
          );
        })}
      </nav>
      {end ? (
        <div
          className={classNames(
            "ml-auto flex min-w-0 items-center gap-3 py-1.5 pl-4 text-12 text-fg-3",
            typeof end === "string" ? "max-md:hidden" : "max-md:w-full",
          )}
        >
          {end}
        </div>
      ) : null}
    </div>
  );
}

export interface ConnectionNavigationProps {
  engine: EngineId;
  connection: string;
  end?: ReactNode;
}

/** The sections of one connection, from the engine registry. */
export function ConnectionNavigation({ engine, connection, end }: ConnectionNavigationProps) {
  const items = ENGINES[engine].sections.map((section) => ({
    label: section.label,
    href: connectionHref(engine, connection, section.segment),
    exact: section.segment === "",
  }));
  return <SubNavigation label={`${ENGINES[engine].label} ${connection}`} items={items} end={end} />;
}
