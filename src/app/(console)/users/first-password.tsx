"use client";

import { RefreshCw } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Field, Input } from "@/components/ui/input";

const LETTERS = "abcdefghijkmnopqrstuvwxyz23456789";

/** Five groups of five characters that cannot be mistaken for each other: 126 bits. */
function randomPassword(): string {
  // 256 is no multiple of 33: what lies above 231 would favour the first letters.
  const letters: string[] = [];
  while (letters.length < 25)
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) if (byte < 231 && letters.length < 25) letters.push(LETTERS.charAt(byte % 33));
  return letters.join("").replace(/(.{5})(?=.)/g, "$1-");
}

/** A password for somebody else: readable, because it must be told. */
export function FirstPassword({ id, value, onChange }: { id: string; value: string; onChange: (value: string) => void }) {
  return (
    <Field id={id} label="First password" hint="15 to 128 characters. It is not shown again.">
      <Input
        id={id}
        mono
        required
        minLength={15}
        maxLength={128}
        autoComplete="new-password"
        autoCapitalize="off"
        spellCheck={false}
        aria-describedby={`${id}-note`}
        boxClassName="pr-1"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        end={
          <>
            <IconButton label="Make up a password" size="sm" onClick={() => onChange(randomPassword())}>
              <RefreshCw aria-hidden />
            </IconButton>
            {value ? <CopyButton text={value} label="Copy the password" /> : null}
          </>
        }
      />
    </Field>
  );
}
