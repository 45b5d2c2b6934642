"use client";
import { type ReactNode, useMemo, useState } from "react";
import { JsonCode } from "@/components/json-tree/json-code";
import { BinaryText } from "@/components/key-tree/binary-name";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { HexView } from "@/components/ui/hex-view";
import { Segmented } from "@/components/ui/segmented";
import { binaryToText } from "@/lib/binary-text";
import { formatBytes, formatCount } from "@/lib/format";
import { bytesToBase64, bytesToHex } from "@/lib/hex";
import { parseJson, writeJson } from "@/lib/json-tree";

export const BYTES_FORMS = ["text", "json", "hex", "base64"] as const;
export type BytesForm = (typeof BYTES_FORMS)[number];

interface BytesViewProps {
  /** What it is, read aloud and shown: a field, a member, "Value". */
  title: ReactNode;
  label: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** The whole length; more than `bytes` while only the beginning is here. */
  length: number;
  /** What somebody chose; null leaves it to the value. */
  form: BytesForm | null;
  onForm: (form: BytesForm) => void;
  /** Loads the rest, or says why not. */
  rest?: ReactNode;
  /** Close and the like. */
  end?: ReactNode;
  className?: string;
}

/** Bytes as text, JSON, hexadecimal or base64: nothing is changed by looking, and the head says what they are. */
export function BytesView({ title, label, bytes, length, form, onForm, rest, end, className = "" }: BytesViewProps) {
  const read = useMemo(() => readBytes(bytes, length), [bytes, length]);
  const wanted = form ?? (read.text === null ? "hex" : read.isJson ? "json" : "text");
  const shown = wanted === "json" && !read.isJson ? "text" : wanted;
  return (
    <section aria-label={label} className={`flex min-h-0 flex-col ${className}`}>
      <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-2 gap-y-1 px-4 py-1.5 md:px-5">
        <h2 className="max-w-80 min-w-0 truncate font-mono text-12 font-semibold">{title}</h2>
        <span className="text-12 text-fg-3">{describe(read.text, bytes.length, length)}</span>
        <span className="ml-auto flex items-center gap-1">
          <Segmented
            label="Show as"
            name={`form ${label}`}
            value={shown}
            onChange={onForm}
            options={[
              { value: "text", label: "Text" },
              { value: "json", label: "JSON", disabled: !read.isJson },
              { value: "hex", label: "Hex" },
              { value: "base64", label: "Base64" },
            ]}
          />
          <CopyButton label="Copy the value" text={() => copied(shown, bytes, read.text)} />
          {end}
        </span>
      </div>
      <div className="min-h-0 grow overflow-auto px-4 pb-3 md:px-5">
        {length === 0 ? (
          <p className="font-mono text-12 text-fg-3">''</p>
        ) : shown === "hex" ? (
          <HexView bytes={bytes} length={length} label={`${label} in hexadecimal`} />
        ) : shown === "json" ? (
          <JsonCode text={read.text ?? ""} label={`${label} as JSON`} />
        ) : shown === "base64" ? (
          <Code label={`${label} in base64`} text={bytesToBase64(bytes)} />
        ) : read.text === null ? (
          <Escaped bytes={bytes} label={`${label} as text`} />
        ) : (
          <Code label={`${label} as text`} text={read.text} />
        )}
        {rest}
      </div>
    </section>
  );
}

interface ReadBytes {
  /** Null when the bytes are not UTF-8. A character cut at the end of a beginning does not count. */
  text: string | null;
  isJson: boolean;
}

const JSON_BYTES_MAX = 2 * 1024 * 1024;

function readBytes(bytes: Uint8Array<ArrayBuffer>, length: number): ReadBytes {
  const text = decode(bytes, bytes.length < length);
  return { text, isJson: text !== null && bytes.length === length && length <= JSON_BYTES_MAX && isJson(text) };
}

function decode(bytes: Uint8Array<ArrayBuffer>, isCut: boolean): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
  } catch {
    return null;
  }
}

function isJson(text: string): boolean {
  if (!/^\s*[{["\d\-tfn]/.test(text)) return false;
  try {
    const { kind } = parseJson(text);
    return kind === "object" || kind === "array";
  } catch {
    return false;
  }
}

function describe(text: string | null, here: number, length: number): string {
  const size = length < 1024 ? `${formatCount(length)} ${length === 1 ? "byte" : "bytes"}` : formatBytes(length);
  const whole = here < length ? `first ${formatBytes(here)} of ${size}` : size;
  return text === null ? `${whole}, not UTF-8, shown as they are` : whole;
}

function copied(form: BytesForm, bytes: Uint8Array, text: string | null): string {
  if (form === "hex") return bytesToHex(bytes);
  if (form === "base64") return bytesToBase64(bytes);
  if (text === null) return binaryToText(bytes);
  return form === "json" ? writeJson(parseJson(text), 2) : text;
}

const SHOWN_FIRST = 32_768;
const SHOWN_MORE = 262_144;

const box = "rounded-md border border-line bg-sunken px-3 py-2 font-mono text-12 leading-5 break-all whitespace-pre-wrap [unicode-bidi:plaintext]";

/** Long texts unfold in steps: a browser needs seconds to lay out megabytes. */
function Code({ text, label }: { text: string; label: string }) {
  const [shown, setShown] = useState(SHOWN_FIRST);
  const cut = text.slice(0, shown);
  return (
    <>
      <pre tabIndex={0} role="region" aria-label={label} className={box}>
        {pieces(cut).map((piece, index) =>
          index % 2 === 1 ? (
            <span key={index} className="text-code-num">
              {piece}
            </span>
          ) : (
            piece
          ),
        )}
      </pre>
      <Unfold left={text.length - shown} onMore={() => setShown(shown + SHOWN_MORE)} />
    </>
  );
}

/** Text and control characters in turns; a control character that shows nothing is written as its byte. */
function pieces(text: string): string[] {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.split(/([\x00-\x08\x0b-\x1f\x7f]+)/).map((piece, index) => (index % 2 === 1 ? binaryToText(new TextEncoder().encode(piece)) : piece));
}

function Escaped({ bytes, label }: { bytes: Uint8Array; label: string }) {
  const [shown, setShown] = useState(8_192);
  return (
    <>
      <pre tabIndex={0} role="region" aria-label={label} className={box}>
        <BinaryText bytes={bytes.subarray(0, shown)} />
      </pre>
      <Unfold left={bytes.length - shown} onMore={() => setShown(shown + SHOWN_FIRST)} />
    </>
  );
}

function Unfold({ left, onMore }: { left: number; onMore: () => void }) {
  if (left <= 0) return null;
  return (
    <Button size="sm" variant="ghost" className="mt-1" onClick={onMore}>
      Show more, {formatCount(left)} left
    </Button>
  );
}
