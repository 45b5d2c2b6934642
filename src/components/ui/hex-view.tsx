"use client";

import { useState } from "react";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { formatBytes } from "@/lib/format";
import { hexLines } from "@/lib/hex";

const linesAtFirst = 64;
const linesMore = 512;

export interface HexViewProps {
  bytes: Uint8Array;
  /** The whole length when `bytes` is only the beginning. */
  length?: number | undefined;
  label?: string;
  className?: string;
}

/** Sixteen bytes a line with offset and text; long values unfold in steps. */
export function HexView({ bytes, length = bytes.length, label = "Bytes in hexadecimal", className }: HexViewProps) {
  const [shown, setShown] = useState(linesAtFirst);
  const lines = hexLines(bytes, { lines: shown });
  const rest = bytes.length - shown * 16;
  return (
    <div className={classNames("rounded-md border border-line bg-sunken", className)}>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
      <div role="region" aria-label={label} tabIndex={0} className="overflow-auto px-3.5 py-2.5">
        <table className="font-mono text-12 leading-[22px] whitespace-pre">
          <tbody>
            {lines.map((line) => (
              <tr key={line.offset}>
                <th scope="row" className="pr-3.5 font-normal text-fg-3 select-none">
                  {line.offset}
                </th>
                <td className="pr-3.5">{line.left}</td>
                <td className="pr-10">{line.right}</td>
                <td className="text-fg-2">{line.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rest > 0 || length > bytes.length ? (
        <div className="flex items-center gap-3 border-t border-line px-3.5 py-1.5 text-12 text-fg-3">
          {rest > 0 ? (
            <Button size="sm" variant="ghost" onClick={() => setShown(shown + linesMore)}>
              Show {formatBytes(Math.min(rest, linesMore * 16))} more
            </Button>
          ) : null}
          {length > bytes.length ? (
            <span>
              first {formatBytes(bytes.length)} of {formatBytes(length)}
            </span>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}
