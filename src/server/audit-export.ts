import "server-only";
import { Readable } from "node:stream";
import { AuditFilters } from "@/lib/audit-filters";
import { listAudit } from "@/server/audit-list";

/** The audit log as JSON lines, newest first, read page by page. `input` is the filters of the page. */
export async function openAuditExport(input: unknown): Promise<{ source: Readable; fileName: string; contentType: string }> {
  const filters = AuditFilters.parse(input ?? {});
  async function* lines(): AsyncGenerator<Buffer> {
    let before: number | undefined;
    for (;;) {
      const page = await listAudit(filters, { before, limit: 500 });
      yield Buffer.from(page.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      if (page.nextBefore === null) return;
      before = page.nextBefore;
    }
  }
  return { source: Readable.from(lines(), { objectMode: false }), fileName: "audit.jsonl", contentType: "application/jsonl; charset=utf-8" };
}
