import Link from "next/link";
import type { ReactNode } from "react";
import { formatBytes, formatCount } from "@/lib/format";

export interface BarItem {
  /** Shown dim before the name: a schema, a logical database. */
  group: string | null;
  name: string;
  bytes: number | null;
  count: number | null;
  countEstimated: boolean;
}

export interface BarListProps {
  items: readonly BarItem[];
  /** What the bars stand for. Bytes unless none is known. */
  by?: "bytes" | "count";
  hrefOf?: (item: BarItem) => string;
  label: string;
}

/** Objects by size: name, bar, bytes, count. The table behind it is what screen readers hear. */
export function BarList({ items, by = "bytes", hrefOf, label }: BarListProps) {
  const largest = Math.max(1, ...items.map((item) => item[by] ?? 0));
  return (
    <table className="w-full text-13" aria-label={label}>
      <thead className="sr-only">
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Share</th>
          <th scope="col">Size</th>
          <th scope="col">Count</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={`${item.group ?? ""}.${item.name}`} className="h-[29px]">
            <th scope="row" className="max-w-40 truncate pr-4 text-left font-normal sm:w-[20%]">
              <BarName item={item} href={hrefOf?.(item)} />
            </th>
            <td className="hidden sm:table-cell" aria-hidden="true">
              <svg width="100%" height="8" className="block rounded-xs bg-sunken">
                <rect width={`${(((item[by] ?? 0) / largest) * 100).toFixed(2)}%`} height="8" rx="1" className="fill-bar" />
              </svg>
            </td>
            <td className="w-20 pl-3 text-right font-medium whitespace-nowrap">{item.bytes === null ? "" : formatBytes(item.bytes)}</td>
            <td className="w-24 pl-3 text-right whitespace-nowrap text-fg-3">
              {item.count === null ? "" : formatCount(item.count, { estimated: item.countEstimated })}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function BarName({ item, href }: { item: BarItem; href: string | undefined }): ReactNode {
  const name = (
    <>
      {item.group ? <span className="text-fg-3">{item.group}.</span> : null}
      <span className="font-medium">{item.name}</span>
    </>
  );
  return href ? (
    <Link href={href} className="rounded-sm hover:underline">
      {name}
    </Link>
  ) : (
    name
  );
}
