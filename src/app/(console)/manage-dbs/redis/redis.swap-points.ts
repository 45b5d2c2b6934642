import "server-only";

/**
 * Where a crash would meet a restore at its worst. Only tests set `reached`: they let the console or the server die there.
 * The order of names is the order of things.
 */
export const POINTS: { reached: ((name: string) => Promise<void>) | null } = { reached: null };

export async function atPoint(name: string): Promise<void> {
  await POINTS.reached?.(name);
}
