/** Runs once before the first request. Everything real is in boot.ts, which only Node can load. */
export async function register(): Promise<void> {
  if (process.env["NEXT_RUNTIME"] === "nodejs") {
    const { boot } = await import("@/server/boot");
    await boot();
  }
}
