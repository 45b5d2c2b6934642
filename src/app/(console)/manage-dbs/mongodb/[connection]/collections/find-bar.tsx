"use client";
import { CornerDownLeft } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button, TextButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import type { Find } from "./collections.state";
import type { FindError } from "./find-error";

interface FindBarProps {
  /** What else the URL says: pressed before the page is alive, the form itself goes there. */
  place: Record<string, string>;
  find: Find;
  /** The same find again asks again. */
  onFind: (find: Find) => void;
  error: FindError | null;
  busy: boolean;
}

const HINTS: Record<keyof Find, string> = {
  filter: '{ status: "sent", at: { $gte: { $date: "2026-01-31" } } }',
  sort: "{ at: -1 }",
  projection: "{ status: 1, at: 1 }",
};

/** Filter, sort and, unfolded, projection as Extended JSON; what is refused is said under its field. */
export function FindBar({ place, find, onFind, error, busy }: FindBarProps) {
  const [draft, setDraft] = useState(find);
  const [applied, setApplied] = useState(find);
  const [unfolded, setUnfolded] = useState(find.projection !== "");
  if (applied.filter !== find.filter || applied.sort !== find.sort || applied.projection !== find.projection) {
    setApplied(find);
    setDraft(find);
  }
  const field = (name: keyof Find, label: string, className: string): ReactNode => (
    <EjsonField
      name={name}
      label={label}
      className={className}
      placeholder={HINTS[name]}
      value={draft[name]}
      onChange={(value) => setDraft({ ...draft, [name]: value })}
      error={error?.field === name && draft[name] === find[name] ? error : null}
    />
  );
  return (
    <form
      className="flex shrink-0 flex-wrap items-start gap-2 border-b border-line bg-surface px-4 py-2"
      onSubmit={(event) => {
        event.preventDefault();
        onFind(draft);
      }}
    >
      {Object.entries(place).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      {field("filter", "Filter", "min-w-56 grow-[3] basis-72")}
      {field("sort", "Sort", "min-w-40 grow basis-40")}
      {unfolded ? field("projection", "Projection", "min-w-56 grow basis-60") : null}
      <span className="flex h-8 items-center gap-3">
        {unfolded ? null : (
          <TextButton className="text-12" onClick={() => setUnfolded(true)}>
            Projection
          </TextButton>
        )}
        <Button type="submit" variant="primary" busy={busy}>
          Find
          <CornerDownLeft aria-hidden />
        </Button>
      </span>
    </form>
  );
}

interface EjsonFieldProps {
  name: string;
  label: string;
  className: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
  error: FindError | null;
}

function EjsonField({ name, label, className, placeholder, value, onChange, error }: EjsonFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const at = error?.at ?? null;
  const message = error?.message;
  useEffect(() => {
    if (message === undefined) return;
    input.current?.focus();
    if (at !== null) input.current?.setSelectionRange(at, at + 1);
  }, [message, at]);
  return (
    <div className={classNames("flex min-w-0 flex-col gap-1", className)}>
      <span className="field flex h-8 min-w-0 items-center overflow-hidden" aria-invalid={error !== null || undefined}>
        <label htmlFor={id} className="flex h-full shrink-0 items-center border-r border-line bg-sunken px-2.5 text-12 text-fg-2">
          {label}
        </label>
        <input
          ref={input}
          id={id}
          name={name}
          className="h-full min-w-0 grow bg-transparent px-2.5 font-mono text-12 outline-none"
          placeholder={placeholder}
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="search"
          aria-invalid={error !== null || undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      </span>
      {error ? (
        <p id={`${id}-error`} role="alert" className="text-12 text-red-text">
          {error.message}
        </p>
      ) : null}
    </div>
  );
}
