"use client";

import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";

export interface CopyButtonProps {
  /** The text, or what makes it when pressed (it may be loaded first). */
  text: string | (() => string | Promise<string>);
  /** "Copy the request id". */
  label?: string;
  /** Shows the label as a button with words. */
  words?: boolean;
  size?: "xs" | "sm" | "md";
  className?: string;
}

type CopyState = "idle" | "copied" | "refused";

export function CopyButton({ text, label = "Copy", words = false, size = "sm", className }: CopyButtonProps) {
  const [state, setState] = useState<CopyState>("idle");

  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 1_500);
    return () => clearTimeout(timer);
  }, [state]);

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : await text());
      setState("copied");
    } catch {
      setState("refused");
    }
  }

  const said = state === "copied" ? "Copied" : state === "refused" ? "The browser refused to copy" : label;
  const sign = state === "copied" ? <Check aria-hidden className="text-green" /> : <Copy aria-hidden />;
  return (
    <>
      {words ? (
        <Button size={size === "md" ? "md" : "sm"} onClick={() => void copy()} {...(className ? { className } : {})}>
          {sign}
          {said}
        </Button>
      ) : (
        <IconButton label={said} size={size} onClick={() => void copy()} {...(className ? { className } : {})}>
          {sign}
        </IconButton>
      )}
      <span role="status" className="sr-only">
        {state === "idle" ? "" : said}
      </span>
    </>
  );
}
