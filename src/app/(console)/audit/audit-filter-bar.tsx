"use client";

import { ChevronDown, X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useShortcuts } from "@/components/shell/shortcuts";
import { classNames } from "@/components/ui/class-names";
import { SearchInput } from "@/components/ui/input";
import { Menu } from "@/components/ui/menu";
import { ENGINE_IDS, ENGINES } from "@/engines";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES, OUTCOME_WORDS } from "@/lib/audit-words";
import { trpc } from "@/trpc/client";
import { type AuditState, PERIODS } from "./audit.state";

type Change = Partial<Omit<AuditState, "row">>;

const SEARCH_ID = "audit-search";
const TYPING_MS = 300;

/** What to look for; each filter is a button with its value, an active one can be taken away. */
export function AuditFilterBar({ state, onChange, children }: { state: AuditState; onChange: (change: Change) => void; children: ReactNode }) {
  const users = trpc.users.list.useQuery().data?.users ?? [];
  const connections = trpc.connections.list.useQuery({}).data?.connections.filter((entry) => state.engine === null || entry.engine === state.engine) ?? [];
  const who = state.who === null ? null : (users.find((user) => user.id === state.who)?.name ?? "somebody");
  const toggled = (action: (typeof AUDIT_ACTIONS)[number]) =>
    state.action.includes(action) ? state.action.filter((other) => other !== action) : [...state.action, action];
  return (
    <div role="search" aria-label="The log" className="flex flex-wrap items-center gap-2">
      <Search value={state.q} onChange={(q) => onChange({ q })} />
      <Filter
        name="When"
        all="any time"
        value={state.when}
        options={PERIODS.map((when) => ({ label: when === "today" ? when : `last ${when}`, value: when }))}
        onChange={(when) => onChange({ when })}
      />
      <Filter
        name="Who"
        all="anyone"
        value={state.who}
        shown={who}
        options={users.map((user) => ({ label: user.name, hint: user.email, value: user.id }))}
        onChange={(id) => onChange({ who: id })}
      />
      <FilterButton
        name="Action"
        all={`all ${AUDIT_ACTIONS.length}`}
        shown={state.action.length === 0 ? null : state.action.join(", ")}
        onClear={() => onChange({ action: [] })}
      >
        {AUDIT_ACTIONS.map((action) => ({ label: action, checked: state.action.includes(action), onSelect: () => onChange({ action: toggled(action) }) }))}
      </FilterButton>
      <Filter
        name="Engine"
        all={`all ${ENGINE_IDS.length}`}
        value={state.engine}
        shown={state.engine === null ? null : ENGINES[state.engine].label}
        options={ENGINE_IDS.map((engine) => ({ label: ENGINES[engine].label, value: engine }))}
        onChange={(engine) => onChange({ engine, connection: null })}
      />
      <Filter
        name="Connection"
        all="any"
        value={state.connection}
        options={connections.map((entry) => ({ label: `${ENGINES[entry.engine].label} / ${entry.name}`, hint: entry.environment, value: entry.id }))}
        onChange={(connection) => onChange({ connection })}
      />
      <Filter
        name="Outcome"
        all="any"
        value={state.outcome}
        shown={state.outcome === null ? null : OUTCOME_WORDS[state.outcome]}
        options={AUDIT_OUTCOMES.map((outcome) => ({ label: OUTCOME_WORDS[outcome], value: outcome }))}
        onChange={(outcome) => onChange({ outcome })}
      />
      <p role="status" className="ml-auto text-12 text-fg-3">
        {children}
      </p>
    </div>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const [given, setGiven] = useState(value);
  const change = useRef(onChange);
  useEffect(() => {
    change.current = onChange;
  });
  // The way back changes the URL under our hands.
  if (given !== value) {
    setGiven(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => change.current(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, value]);
  useShortcuts({ "/": () => document.getElementById(SEARCH_ID)?.focus() });
  return (
    <SearchInput
      id={SEARCH_ID}
      label="Search target, request, address"
      shortcut="/"
      boxClassName="w-full md:w-72"
      maxLength={200}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}

interface FilterProps<Value extends string> {
  name: string;
  /** What is shown while nothing is chosen. */
  all: string;
  value: Value | null;
  /** Replaces the value in the button. */
  shown?: string | null;
  options: readonly { label: string; hint?: string; value: Value }[];
  onChange: (value: Value | null) => void;
}

function Filter<Value extends string>({ name, all, value, shown = value, options, onChange }: FilterProps<Value>) {
  return (
    <FilterButton name={name} all={all} shown={value === null ? null : shown} onClear={() => onChange(null)}>
      {options.map(({ label, hint, value: option }) => ({
        label,
        ...(hint ? { hint } : {}),
        checked: option === value,
        onSelect: () => onChange(option === value ? null : option),
      }))}
    </FilterButton>
  );
}

interface FilterButtonProps {
  name: string;
  all: string;
  shown: string | null;
  onClear: () => void;
  children: { label: string; hint?: string; checked: boolean; onSelect: () => void }[];
}

function FilterButton({ name, all, shown, onClear, children }: FilterButtonProps) {
  const active = shown !== null;
  const look = active ? "border-accent-line bg-accent-soft text-accent-text" : "border-line-strong bg-surface text-fg-2 hover:bg-hover";
  return (
    <span className={classNames("inline-flex h-8 max-w-full items-center rounded-lg border text-13", look)}>
      <Menu
        align="start"
        items={children}
        trigger={
          <button type="button" className={classNames("inline-flex h-full min-w-0 items-center gap-1.5 rounded-lg pl-2.5", active ? "pr-1" : "pr-2")}>
            {name}
            <span className={classNames("truncate font-medium", !active && "text-fg")}>{shown ?? all}</span>
            {active ? null : <ChevronDown aria-hidden className="size-3.5" />}
          </button>
        }
      />
      {active ? (
        <button
          type="button"
          aria-label={`Take away the filter ${name} ${shown}`}
          className="flex size-7 items-center justify-center rounded-md"
          onClick={onClear}
        >
          <X aria-hidden className="size-3.5" />
        </button>
      ) : null}
    </span>
  );
}
