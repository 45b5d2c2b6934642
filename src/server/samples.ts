import "server-only";
/** The last 15 minutes of each tile's figure, kept in memory for the sparklines. */
import type { EngineOverview } from "@/lib/engine-contract";
import type { Connection } from "@/server/connection";
import { single } from "@/server/single";

export const SAMPLE_EVERY_MS = 15_000;
const SAMPLES_KEPT = 60;

const store = (): Map<string, Map<string, number[]>> => single("samples", () => new Map());

export function recordSample(connectionId: string, figures: Record<string, number>): void {
  const tiles = store().get(connectionId) ?? new Map<string, number[]>();
  store().set(connectionId, tiles);
  for (const [tile, figure] of Object.entries(figures)) {
    if (!Number.isFinite(figure)) continue;
    const series = tiles.get(tile) ?? [];
    series.push(figure);
    tiles.set(tile, series.slice(-SAMPLES_KEPT));
  }
}

export function withSeries(connection: Connection, overview: EngineOverview): EngineOverview {
  const tiles = store().get(connection.id);
  return { ...overview, tiles: overview.tiles.map((tile) => ({ ...tile, series: tiles?.get(tile.id) ?? [] })) };
}
