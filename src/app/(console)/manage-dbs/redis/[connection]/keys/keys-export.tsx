"use client";
import { Download } from "lucide-react";
import type { ReadableError } from "@/components/query-error";
import { IconButton } from "@/components/ui/button";
import { Menu } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { fetchFile } from "@/lib/fetch-file";
import { trpc } from "@/trpc/client";
import type { RedisBytes } from "../../redis.schema";
import { patternOf } from "./key-names";
import { keysState, type ScanFilter } from "./keys.state";

/** All keys of the filter, also those not found yet: the export walks through the database by itself. */
export function KeysExportMenu({ connection, filter }: { connection: string; filter: ScanFilter }) {
  const run = useExport(connection);
  const all = filter.pattern === "*" && filter.type === "";
  return (
    <Menu
      align="end"
      trigger={
        <IconButton label="Export" size="sm">
          <Download aria-hidden />
        </IconButton>
      }
      items={[
        { heading: all ? `Export all keys of db${filter.db}` : "Export the keys that match" },
        { label: "JSON lines", hint: "one key a line", onSelect: () => void run(keysState.input(filter), `db${filter.db} ${filter.pattern}`) },
      ]}
    />
  );
}

/** One key, whole, whatever its size. */
export function DownloadKey({ connection, db, name, title }: { connection: string; db: number; name: RedisBytes; title: string }) {
  const run = useExport(connection);
  return (
    <IconButton label="Download this key" onClick={() => void run({ db, ...patternOf(name) }, title)}>
      <Download aria-hidden />
    </IconButton>
  );
}

function useExport(connection: string) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  return async (input: ReturnType<typeof keysState.input>, what: string): Promise<void> => {
    try {
      fetchFile(await utilities.client.redis.keys.export.query({ connection, ...input, format: "jsonl" }));
      toast({ title: `Exporting ${what}`, detail: "The browser saves it; a download that breaks is not whole." });
    } catch (error) {
      const { message, data } = error as ReadableError;
      toast({ title: message, detail: data?.fix, tone: "red" });
    }
  };
}
