import { classNames } from "@/components/ui/class-names";

/** One grey block; give it a size by class. Waits 150 ms before it shows. */
export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden="true" className={classNames("skeleton", className)} />;
}

const widths = ["w-24", "w-32", "w-20", "w-28", "w-16"];

/** Rows of a plain table while they load. */
export function TableSkeleton({ columns, rows = 8, label = "Loading" }: { columns: number; rows?: number; label?: string }) {
  return (
    <div role="status" aria-label={label} className="overflow-hidden">
      <div className="flex h-8 items-center gap-6 border-b border-line bg-sunken px-4">
        {Array.from({ length: columns }, (_, column) => (
          <Skeleton key={column} className={classNames("h-2.5", column === 0 ? "w-28" : "w-16")} />
        ))}
      </div>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex h-9 items-center gap-6 border-b border-line-soft px-4 last:border-b-0">
          {Array.from({ length: columns }, (_, column) => (
            <Skeleton key={column} className={classNames("h-2.5", widths[(row * 2 + column) % widths.length])} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** Lines of text while they load. */
export function LinesSkeleton({ lines = 4, label = "Loading", className }: { lines?: number; label?: string; className?: string }) {
  return (
    <div role="status" aria-label={label} className={classNames("flex flex-col gap-3 p-4", className)}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} className={classNames("h-3", line % 3 === 2 ? "w-1/2" : line % 2 ? "w-3/4" : "w-full")} />
      ))}
    </div>
  );
}
