import { Panel } from "@/components/ui/panel";
import { LinesSkeleton } from "@/components/ui/skeleton";

/** The overview's shape while it loads: nothing jumps when the figures come. */
export function OverviewSkeleton() {
  return (
    <div className="grid gap-4 p-4 max-md:p-3 lg:grid-cols-[376px_minmax(0,1fr)]">
      <Panel className="h-[340px] p-4">
        <LinesSkeleton lines={9} />
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
          {["a", "b", "c", "d"].map((tile) => (
            <Panel key={tile} className="h-[132px] p-4">
              <LinesSkeleton lines={3} />
            </Panel>
          ))}
        </div>
        <Panel className="h-[360px] p-4">
          <LinesSkeleton lines={9} />
        </Panel>
      </div>
    </div>
  );
}
