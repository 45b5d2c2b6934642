import { classNames } from "@/components/ui/class-names";
import { Skeleton } from "@/components/ui/skeleton";

const shares = ["w-3/4", "w-1/2", "w-5/6", "w-2/3", "w-3/5"];

/** Rows of grey blocks with the lines of the grid, before the first page is there. Needs no measured width, so the server may send it. */
export function GridSkeleton({
  columns = 7,
  rows = 14,
  head = true,
  label = "Loading rows",
}: {
  columns?: number;
  rows?: number;
  head?: boolean;
  label?: string;
}) {
  return (
    <div role="status" aria-label={label} className="min-h-0 grow overflow-hidden">
      {head ? (
        <div className="flex h-[46px] border-b border-line bg-sunken">
          {Array.from({ length: columns }, (_, column) => (
            <div key={column} className="flex w-36 shrink-0 grow flex-col justify-center gap-2 border-r border-line px-2">
              <Skeleton className="h-2.5 w-20" />
              <Skeleton className="h-2 w-12" />
            </div>
          ))}
        </div>
      ) : null}
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex h-8 border-b border-line-soft">
          {Array.from({ length: columns }, (_, column) => (
            <div key={column} className="flex w-36 shrink-0 grow items-center border-r border-line-soft px-2">
              <Skeleton className={classNames("h-2.5", shares[(row + column * 2) % shares.length])} />
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}
