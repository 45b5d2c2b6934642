"use client";
import { Field, Input } from "@/components/ui/input";

/** Asked where a sign-in is older than five minutes and the act is grave. */
export function ReauthenticateField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <Field id="again" label="Your password" hint="Your sign-in is older than five minutes.">
      <Input
        id="again"
        type="password"
        autoComplete="current-password"
        required
        // It appears as the answer to a press: whoever pressed goes on typing.
        autoFocus
        maxLength={128}
        fieldSize="lg"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}
