"use client";

import { Input } from "@/components/ui/input";

export interface TypedNameProps {
  id: string;
  /** What must be written, letter by letter. */
  expected: string;
  value: string;
  onChange: (value: string) => void;
  /** True when the procedure takes the typed name and compares it too; only then does the page say so. */
  serverChecks?: boolean;
  autoFocus?: boolean;
}

/** How far the typed name is, in words: "3 letters to go", "not the name", "". Exported for its test. */
export function typedNameProgress(expected: string, typed: string): string {
  if (typed === expected) return "";
  if (!expected.startsWith(typed)) return "not the name";
  const left = [...expected].length - [...typed].length;
  return left === 1 ? "1 letter to go" : `${left} letters to go`;
}

/** Nothing dangerous happens by a slip of the hand: the target's name is typed. */
export function TypedName({ id, expected, value, onChange, serverChecks = false, autoFocus = false }: TypedNameProps) {
  const progress = typedNameProgress(expected, value);
  return (
    <div className="flex flex-col gap-2.5">
      <label htmlFor={id}>
        Write <code className="rounded-[5px] border border-line bg-sunken px-1.5 py-0.5 font-mono text-12 font-medium wrap-anywhere">{expected}</code> to go on.
        {serverChecks ? " The server checks it too." : null}
      </label>
      <Input
        id={id}
        fieldSize="lg"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="font-mono"
        autoComplete="off"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        autoFocus={autoFocus}
        aria-describedby={`${id}-progress`}
        end={
          <span id={`${id}-progress`} aria-live="polite" className={progress === "not the name" ? "text-red-text" : undefined}>
            {progress === "" ? "that is the name" : progress}
          </span>
        }
      />
    </div>
  );
}
