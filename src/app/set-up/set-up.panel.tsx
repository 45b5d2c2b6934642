"use client";

import { type FormEvent, useState } from "react";
import { makeFirstAdmin, type Refusal, signIn } from "@/app/sign-in/auth-requests";
import { PasswordInput } from "@/app/sign-in/password-input";
import { Button } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/input";
import { Note } from "@/components/ui/note";

export function SetUpPanel({ token }: { token: string }) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    const refused = (await makeFirstAdmin({ token, name, email, password })) ?? (await signIn({ email, password }));
    setRefusal(refused);
    if (!refused) return window.location.replace("/");
    setBusy(false);
  }

  return (
    <form className="flex flex-col gap-5" onSubmit={(event) => void submit(event)}>
      {refusal ? (
        <Note tone="red" role="alert">
          {refusal.message}.{refusal.fix ? ` ${refusal.fix}.` : ""}
        </Note>
      ) : null}
      <Field id="name" label="Name">
        <Input id="name" autoComplete="name" required autoFocus maxLength={100} fieldSize="lg" value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field id="email" label="Email">
        <Input
          id="email"
          type="email"
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          required
          maxLength={254}
          fieldSize="lg"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      </Field>
      <Field id="password" label="Password" hint="At least 15 characters. A few words are easiest to keep in mind.">
        <PasswordInput
          id="password"
          autoComplete="new-password"
          required
          minLength={15}
          aria-describedby="password-note"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <Button type="submit" variant="primary" size="lg" busy={busy} className="w-full">
        Make the admin
      </Button>
    </form>
  );
}
