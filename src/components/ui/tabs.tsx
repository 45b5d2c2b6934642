"use client";

import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";
import { classNames } from "@/components/ui/class-names";

export interface Tab<Value extends string> {
  value: Value;
  label: string;
  count?: number | string;
}

export interface TabsProps<Value extends string> {
  /** Names the group, read aloud. */
  label: string;
  tabs: readonly Tab<Value>[];
  value: Value;
  onChange: (value: Value) => void;
  /** Stands at the right end of the row. */
  end?: ReactNode;
  /** What the chosen tab shows. */
  children: ReactNode;
  className?: string;
  /** Class of the panel below the row. */
  panelClassName?: string;
}

/** Tabs inside a page. Tabs that change the URL are SubNavigation. */
export function Tabs<Value extends string>({ label, tabs, value, onChange, end, children, className, panelClassName }: TabsProps<Value>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);

  function move(event: KeyboardEvent) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const edge = { Home: 0, End: tabs.length - 1 }[event.key];
    if (step === undefined && edge === undefined) return;
    event.preventDefault();
    const now = tabs.findIndex((tab) => tab.value === value);
    const next = edge ?? (now + (step ?? 0) + tabs.length) % tabs.length;
    const target = tabs[next];
    if (!target) return;
    onChange(target.value);
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  }

  return (
    <>
      <div className={classNames("flex min-h-11 items-center gap-4 border-b border-line pr-3 pl-4", className)}>
        <div ref={list} role="tablist" aria-label={label} className="no-scrollbar flex h-11 gap-5 self-stretch overflow-x-auto" onKeyDown={move}>
          {tabs.map((tab) => {
            const active = tab.value === value;
            return (
              <button
                key={tab.value}
                type="button"
                role="tab"
                id={`${id}-${tab.value}`}
                aria-selected={active}
                aria-controls={`${id}-panel`}
                tabIndex={active ? 0 : -1}
                onClick={() => onChange(tab.value)}
                className={classNames(
                  "relative inline-flex items-center gap-2 text-13 whitespace-nowrap -outline-offset-2 after:absolute after:inset-x-0 after:bottom-0 after:h-0.5",
                  active ? "font-medium text-fg after:bg-accent" : "text-fg-2 hover:text-fg",
                )}
              >
                {tab.label}
                {tab.count === undefined ? null : <span className="text-12 font-normal text-fg-3">{tab.count}</span>}
              </button>
            );
          })}
        </div>
        {end ? <div className="ml-auto flex items-center gap-3">{end}</div> : null}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`} className={panelClassName}>
        {children}
      </div>
    </>
  );
}
