"use client";
import { X } from "lucide-react";
import { useState } from "react";
import { IconButton, TextButton } from "@/components/ui/button";
import { formatBytes } from "@/lib/format";
import { trpc } from "@/trpc/client";
import type { RedisBytes } from "../../redis.schema";
import { BytesView, type BytesForm } from "./bytes-view";
import type { ElementRow } from "./element-rows";
import { addressOf, bytesOf } from "./key-names";

interface OpenElementProps {
  connection: string;
  db: number;
  name: RedisBytes;
  row: ElementRow;
  onClose: () => void;
}

/** The opened element below the table. A value that came as a beginning is asked for whole. */
export function OpenElement({ connection, db, name, row, onClose }: OpenElementProps) {
  const [form, setForm] = useState<BytesForm | null>(null);
  const address = addressOf(name);
  const isCut = row.value.length !== undefined;
  const whole = trpc.redis.keys.element.useQuery(
    { connection, db, key: address?.key ?? "", encoding: address?.encoding ?? "utf8", ...(row.address ?? { element: "", elementEncoding: "utf8" as const }) },
    { enabled: isCut && row.address !== null && address !== null },
  );
  const value = whole.data?.value ?? row.value;
  const bytes = bytesOf(value);
  const length = value.length ?? bytes.length;
  return (
    <BytesView
      className="max-h-[60%] min-h-44 basis-2/5 border-t border-line"
      title={row.title === "" ? "''" : row.title}
      label={row.title === "" ? "''" : row.title}
      bytes={bytes}
      length={length}
      form={form}
      onForm={setForm}
      end={
        <IconButton label="Close the element" size="sm" onClick={onClose}>
          <X aria-hidden />
        </IconButton>
      }
      rest={
        length > bytes.length ? (
          <p className="py-2 text-12 text-fg-2">
            {whole.isFetching ? (
              "Loading it whole"
            ) : whole.error ? (
              <span role="alert" className="text-red-text">
                {whole.error.message}. <TextButton onClick={() => void whole.refetch()}>Try again</TextButton>
              </span>
            ) : (
              `${formatBytes(length - bytes.length)} more are not shown. Download the key to get all of it.`
            )}
          </p>
        ) : null
      }
    />
  );
}
