import type { RestorePlan } from "@/backups/engine";
import type { EngineId } from "@/engines";

/** What is chosen on the first step of a restore. */
export interface RestoreChoice {
  replace: boolean;
  /** Of the new place; kept while the other way is looked at. */
  newName: string;
  /** Null: everything. */
  objects: readonly string[] | null;
}

type PlanObject = RestorePlan["objects"][number];

/** Whether the live counts are statistics, where the plan does not say: what these engines keep and do not count. */
const USUALLY_ESTIMATED: Record<EngineId, boolean> = { sqlite: false, redis: false, postgres: true, mongodb: true };

export const isEstimated = (plan: RestorePlan, engine: EngineId): boolean => plan.liveIsEstimate ?? USUALLY_ESTIMATED[engine];

export type Change =
  | { kind: "equal" }
  /** Nobody counts it (a view), or nobody has counted it yet. */
  | { kind: "not counted" }
  | { kind: "new" }
  | { kind: "goes away" }
  | { kind: "different"; by: number };

/** What becomes of one object of what is live. Without a count it may be absent, or, where counts are estimates, only not counted yet. */
export function changeOf({ inBackup, liveNow, after }: PlanObject, estimated = false): Change {
  if (liveNow !== null && inBackup === null && after === null) return { kind: "goes away" };
  if (after === null) return { kind: "not counted" };
  if (liveNow === null) return { kind: estimated ? "not counted" : "new" };
  return after === liveNow ? { kind: "equal" } : { kind: "different", by: after - liveNow };
}

export interface Loss {
  /** Items that are live now and will not be, by the counts of every object. */
  items: number;
  /** Objects that will not be there at all. */
  objects: number;
}

export function lossOf(objects: readonly PlanObject[]): Loss {
  const loss = { items: 0, objects: 0 };
  for (const object of objects) {
    loss.items += Math.max(0, (object.liveNow ?? 0) - (object.after ?? (object.inBackup === null ? 0 : (object.liveNow ?? 0))));
    if (changeOf(object).kind === "goes away") loss.objects += 1;
  }
  return loss;
}

const RANK: Record<Change["kind"], number> = { "goes away": 0, different: 1, new: 2, equal: 3, "not counted": 4 };

/** What changes first, the largest difference first; the rest as it came. */
export function byChange(objects: readonly PlanObject[], estimated = false): { object: PlanObject; change: Change }[] {
  const weight = (change: Change): number => (change.kind === "different" ? Math.abs(change.by) : 0);
  return objects
    .map((object) => ({ object, change: changeOf(object, estimated) }))
    .toSorted((a, b) => RANK[a.change.kind] - RANK[b.change.kind] || weight(b.change) - weight(a.change));
}

export const isChange = ({ kind }: Change): boolean => kind === "different" || kind === "new" || kind === "goes away";
