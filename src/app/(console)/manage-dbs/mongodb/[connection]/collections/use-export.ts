"use client";
import type { ReadableError } from "@/components/query-error";
import { useToast } from "@/components/ui/toast";
import { fetchFile } from "@/lib/fetch-file";
import { trpc, type RouterInputs } from "@/trpc/client";
import type { CollectionAddress } from "./collections.state";

type ExportInput = Omit<RouterInputs["mongodb"]["collections"]["export"], "connection" | "database" | "collection">;

/** Hands the browser a file of the collection, of what a filter leaves, or of one document. */
export function useExport(address: CollectionAddress): (input: ExportInput) => Promise<void> {
  const toast = useToast();
  const utilities = trpc.useUtils();
  return async (input) => {
    try {
      fetchFile(await utilities.client.mongodb.collections.export.query({ ...address, ...input }));
      toast({
        title: input.key === undefined ? `Exporting ${address.collection}` : "Downloading the document",
        detail: "The browser saves it; a download that breaks is not whole.",
      });
    } catch (error) {
      const { message, data } = error as ReadableError;
      toast({ title: message, detail: data?.fix, tone: "red" });
    }
  };
}
