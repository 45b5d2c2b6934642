"use client";
import { ListFilter, X } from "lucide-react";
import { type RefObject, useState } from "react";
import { IconButton } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Kbd } from "@/components/ui/kbd";
import { Select } from "@/components/ui/select";
import type { ScanFilter } from "./keys.state";

const TYPES = [
  { value: "string", label: "String" },
  { value: "hash", label: "Hash" },
  { value: "list", label: "List" },
  { value: "set", label: "Set" },
  { value: "zset", label: "Sorted set" },
  { value: "stream", label: "Stream" },
] as const;

interface KeyFilterProps {
  field: RefObject<HTMLInputElement | null>;
  filter: ScanFilter;
  onFilter: (change: Partial<ScanFilter>) => void;
  /** Arrow down in the field goes there. */
  onList: () => void;
}

/** Pattern and type. A pattern takes effect with Enter: every one is a walk through the whole database. */
export function KeyFilter({ field, filter, onFilter, onList }: KeyFilterProps) {
  const [text, setText] = useState(filter.pattern);
  const [applied, setApplied] = useState(filter.pattern);
  if (applied !== filter.pattern) {
    setApplied(filter.pattern);
    setText(filter.pattern);
  }
  const apply = (pattern: string): void => {
    setText(pattern === "" ? "*" : pattern);
    if (pattern !== filter.pattern) onFilter({ pattern: pattern === "" ? "*" : pattern });
  };
  return (
    <>
      <form
        className="min-w-0 grow"
        onSubmit={(event) => {
          event.preventDefault();
          apply(text);
        }}
      >
        {/* Pressed before the page is alive, the form itself goes to the same place. */}
        <input type="hidden" name="db" value={filter.db} />
        <input type="hidden" name="type" value={filter.type} />
        <Input
          ref={field}
          name="pattern"
          aria-label="Pattern"
          aria-keyshortcuts="/"
          title={"A glob: * any letters, ? one, [ab] one of these, \\xff a byte. Without them it is one name."}
          icon={<ListFilter aria-hidden />}
          mono
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText(filter.pattern);
            else if (event.key === "ArrowDown") onList();
          }}
          end={
            text !== filter.pattern ? (
              <Kbd>Enter</Kbd>
            ) : filter.pattern === "*" ? (
              <Kbd>/</Kbd>
            ) : (
              <IconButton label="Clear the pattern" size="xs" onClick={() => apply("*")}>
                <X aria-hidden />
              </IconButton>
            )
          }
        />
      </form>
      <Select label="Type" className="w-26 shrink-0" value={filter.type} onChange={(event) => onFilter({ type: event.target.value })}>
        <option value="">All types</option>
        {TYPES.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
        {filter.type === "" || TYPES.some(({ value }) => value === filter.type) ? null : <option value={filter.type}>{filter.type}</option>}
      </Select>
    </>
  );
}
