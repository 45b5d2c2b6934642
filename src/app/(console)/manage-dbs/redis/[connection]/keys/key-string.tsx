"use client";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { formatBytes } from "@/lib/format";
import type { RedisBytes } from "../../redis.schema";
import { BytesView, type BytesForm } from "./bytes-view";
import { bytesOf } from "./key-names";
import type { KeyValuePages } from "./use-key-value";

/** Held in the page at most; beyond it a string is downloaded. */
const STRING_BYTES_HELD_MAX = 2 * 1024 * 1024;

/** A string value, 64 KiB at a time. */
export function KeyString({ value, title }: { value: KeyValuePages; title: string }) {
  const [form, setForm] = useState<BytesForm | null>(null);
  const [loadingAll, setLoadingAll] = useState(false);
  const bytes = useMemo(() => concatenate(value.pages.flatMap((page) => (page.value.kind === "string" ? [page.value.value] : []))), [value.pages]);
  const length = Math.max(value.detail?.length ?? 0, bytes.length);
  const left = length - bytes.length;
  const full = bytes.length >= STRING_BYTES_HELD_MAX;

  const loadAll = async (): Promise<void> => {
    setLoadingAll(true);
    let hasMore = true;
    for (let loaded = bytes.length; hasMore && loaded < STRING_BYTES_HELD_MAX; loaded += 65_536) ({ hasMore } = await value.loadMore());
    setLoadingAll(false);
  };

  return (
    <BytesView
      className="grow"
      title="Value"
      label={`Value of ${title}`}
      bytes={bytes}
      length={length}
      form={form}
      onForm={setForm}
      rest={
        value.hasMore ? (
          <div className="flex flex-wrap items-center gap-2 py-2 text-12 text-fg-2">
            {full ? (
              <span>
                {formatBytes(left)} more are not shown: this page holds {formatBytes(STRING_BYTES_HELD_MAX)} of a string at most. Download the key to get all of
                it.
              </span>
            ) : (
              <>
                <Button size="sm" busy={value.loadingMore && !loadingAll} disabled={loadingAll} onClick={() => void value.loadMore()}>
                  Load {formatBytes(Math.min(left, 65_536))} more
                </Button>
                <Button size="sm" busy={loadingAll} onClick={() => void loadAll()}>
                  Load whole
                </Button>
                <span>{formatBytes(left)} left</span>
              </>
            )}
            {value.error ? (
              <span role="alert" className="text-red-text">
                {value.error.message}
              </span>
            ) : null}
          </div>
        ) : null
      }
    />
  );
}

function concatenate(parts: readonly RedisBytes[]): Uint8Array<ArrayBuffer> {
  // A page of a longer value says the whole length; its own bytes are what it carries.
  const arrays = parts.map((part) => bytesOf(part));
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    bytes.set(array, at);
    at += array.length;
  }
  return bytes;
}
