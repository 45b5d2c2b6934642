"use client";

import { Fragment, type ReactNode, useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { formatCount } from "@/lib/format";
import { type JsonNode, parseJson } from "@/lib/json-tree";

export interface JsonCodeProps {
  /** JSON as the server wrote it. What cannot be read is shown as it is. */
  text: string;
  label?: string;
  className?: string;
}

const linesAtFirst = 200;
const linesMore = 2_000;

interface CodeLine {
  indent: number;
  parts: { text: string; tone: string }[];
}

/** JSON indented and coloured, every number as it was written. */
export function JsonCode({ text, label = "JSON", className }: JsonCodeProps) {
  const [shown, setShown] = useState(linesAtFirst);
  const lines = useMemo(() => readLines(text), [text]);
  return (
    <div className={classNames("overflow-hidden rounded-md border border-line bg-sunken", className)}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
      <pre
        tabIndex={0}
        role="region"
        aria-label={label}
        className="max-h-[60dvh] overflow-auto px-2.5 py-2 font-mono text-12 leading-[18px] whitespace-pre -outline-offset-2"
      >
        {lines === null
          ? text
          : lines.slice(0, shown).map((line, index) => (
              <Fragment key={index}>
                {"  ".repeat(line.indent)}
                {line.parts.map((part, at) => (
                  <span key={at} className={part.tone}>
                    {part.text}
                  </span>
                ))}
                {"\n"}
              </Fragment>
            ))}
      </pre>
      {lines !== null && lines.length > shown ? <More left={lines.length - shown} onMore={() => setShown(shown + linesMore)} /> : null}
    </div>
  );
}

function More({ left, onMore }: { left: number; onMore: () => void }): ReactNode {
  return (
    <div className="border-t border-line px-2 py-1">
      <Button size="sm" variant="ghost" onClick={onMore}>
        {formatCount(Math.min(left, linesMore))} of {formatCount(left)} more lines
      </Button>
    </div>
  );
}

function readLines(text: string): CodeLine[] | null {
  try {
    const lines: CodeLine[] = [];
    layOut(parseJson(text), { lines, indent: 0, head: [], tail: "" });
    return lines;
  } catch {
    return null;
  }
}

interface Place {
  lines: CodeLine[];
  indent: number;
  /** What stands before the value on its first line. */
  head: CodeLine["parts"];
  /** The comma after it. */
  tail: string;
}

const dim = "text-fg-3";

function layOut(node: JsonNode, { lines, indent, head, tail }: Place): void {
  const children = node.kind === "object" ? node.entries : node.kind === "array" ? node.items.map((value) => ({ key: null, value })) : [];
  const [open, close] = node.kind === "array" ? ["[", "]"] : ["{", "}"];
  if (children.length === 0) {
    const [word, tone] = scalar(node);
    lines.push({ indent, parts: [...head, { text: word, tone }, { text: tail, tone: dim }] });
    return;
  }
  lines.push({ indent, parts: [...head, { text: open, tone: dim }] });
  children.forEach(({ key, value }, index) => {
    const name =
      key === null
        ? []
        : [
            { text: JSON.stringify(key), tone: "text-code-key font-medium" },
            { text: ": ", tone: dim },
          ];
    layOut(value, { lines, indent: indent + 1, head: name, tail: index < children.length - 1 ? "," : "" });
  });
  lines.push({ indent, parts: [{ text: close + tail, tone: dim }] });
}

function scalar(node: JsonNode): [string, string] {
  switch (node.kind) {
    case "object":
      return ["{}", dim];
    case "array":
      return ["[]", dim];
    case "string":
      return [JSON.stringify(node.text), "text-code-str"];
    case "number":
      return [node.text, "text-code-num"];
    case "boolean":
      return [String(node.value), "text-code-kw"];
    case "null":
      return ["null", dim];
  }
}
