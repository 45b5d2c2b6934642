"use client";

import { Eye, EyeOff, KeyRound } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Field, Input } from "@/components/ui/input";
import { Note } from "@/components/ui/note";

export interface SignInFormProps {
  /** "console.foundry.internal" */
  host: string;
  /** Answers null when signed in, else what was wrong, in words. */
  onSubmit: (input: { email: string; password: string }) => Promise<string | null>;
  /** Nobody has an account yet. */
  firstStart?: boolean;
  /** Shown above the form: why one has to sign in again. */
  notice?: string | null;
}

export function SignInForm({ host, onSubmit, firstStart = false, notice }: SignInFormProps) {
  const id = useId();
  const form = useSubmit((data) => onSubmit({ email: data("email").trim(), password: data("password") }));
  return (
    <div className="flex flex-col gap-5">
      <div>
        <h1 className="text-20 font-semibold">Sign in</h1>
        <p className="mt-1 text-fg-2">with your account on {host}</p>
      </div>
      {notice ? <Note tone="amber">{notice}</Note> : null}
      {/* post: without JavaScript the password must not end up in the address. */}
      <form method="post" onSubmit={form.submit} className="flex flex-col gap-5">
        <Field id={`${id}-email`} label="Email">
          <Input id={`${id}-email`} name="email" type="email" fieldSize="lg" autoComplete="username" required autoFocus />
        </Field>
        <Field id={`${id}-password`} label="Password">
          <PasswordInput id={`${id}-password`} autoComplete="current-password" />
        </Field>
        <FormError message={form.error} />
        <Button type="submit" variant="primary" size="lg" busy={form.busy}>
          Sign in
        </Button>
      </form>
      {firstStart ? (
        <Note icon={<KeyRound aria-hidden className="text-fg-2" />} className="text-12">
          First start? The server printed a one-time link that makes you admin.
        </Note>
      ) : null}
    </div>
  );
}

export const passwordLength = { min: 15, max: 128 } as const;

/** Why a password is refused before the server sees it; null when its length is right. */
export function passwordProblem(password: string, { min, max }: { min: number; max: number } = passwordLength): string | null {
  const { length } = password;
  if (length < min) return `${min - length} more ${min - length === 1 ? "character" : "characters"}: at least ${min}`;
  return length > max ? `${length - max} too many: at most ${max} characters` : null;
}

export interface SetUpFormProps {
  /** Given when the invitation names it. */
  email?: string;
  onSubmit: (input: { email: string; name: string; password: string }) => Promise<string | null>;
  /** "Make the first account" */
  title?: string;
  note?: string;
  action?: string;
}

/** The first admin, or somebody invited: name, email, password. */
export function SetUpForm({ email, onSubmit, title = "Set up the console", note = "You become its first admin.", action = "Create account" }: SetUpFormProps) {
  const id = useId();
  const [password, setPassword] = useState("");
  const problem = passwordProblem(password);
  const form = useSubmit(async (data) => problem ?? (await onSubmit({ email: data("email").trim(), name: data("name").trim(), password: data("password") })));
  return (
    <div className="flex flex-col gap-5">
      <div>
        <h1 className="text-20 font-semibold">{title}</h1>
        <p className="mt-1 text-fg-2">{note}</p>
      </div>
      <form method="post" onSubmit={form.submit} className="flex flex-col gap-5">
        <Field id={`${id}-name`} label="Name">
          <Input id={`${id}-name`} name="name" fieldSize="lg" autoComplete="name" required maxLength={100} autoFocus />
        </Field>
        <Field id={`${id}-email`} label="Email">
          <Input
            id={`${id}-email`}
            name="email"
            type="email"
            fieldSize="lg"
            autoComplete="username"
            required
            defaultValue={email}
            readOnly={email !== undefined}
          />
        </Field>
        <Field
          id={`${id}-password`}
          label="Password"
          hint={password === "" ? `${passwordLength.min} to ${passwordLength.max} characters; a sentence is good` : (problem ?? "long enough")}
        >
          <PasswordInput id={`${id}-password`} autoComplete="new-password" value={password} onChange={setPassword} describedBy={`${id}-password-note`} />
        </Field>
        <FormError message={form.error} />
        <Button type="submit" variant="primary" size="lg" busy={form.busy} disabled={problem !== null}>
          {action}
        </Button>
      </form>
    </div>
  );
}

interface PasswordInputProps {
  id: string;
  autoComplete: "current-password" | "new-password";
  value?: string;
  onChange?: (value: string) => void;
  describedBy?: string;
}

export function PasswordInput({ id, autoComplete, value, onChange, describedBy }: PasswordInputProps) {
  const [shown, setShown] = useState(false);
  return (
    <Input
      id={id}
      name="password"
      type={shown ? "text" : "password"}
      fieldSize="lg"
      autoComplete={autoComplete}
      autoCapitalize="off"
      autoCorrect="off"
      spellCheck={false}
      required
      aria-describedby={describedBy}
      {...(onChange ? { value, onChange: (event) => onChange(event.target.value) } : {})}
      boxClassName="pr-1"
      end={
        <IconButton label={shown ? "Hide the password" : "Show the password"} onClick={() => setShown(!shown)} aria-pressed={shown}>
          {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
        </IconButton>
      }
    />
  );
}

function FormError({ message }: { message: string | null }) {
  return message ? (
    <Note tone="red" role="alert">
      {message}
    </Note>
  ) : null;
}

/** One submit at a time, its error kept until the next. */
function useSubmit(run: (data: (name: string) => string) => Promise<string | null>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (busy) return;
    const data = new FormData(event.currentTarget);
    const read = (name: string): string => {
      const value = data.get(name);
      return typeof value === "string" ? value : "";
    };
    setBusy(true);
    setError(null);
    run(read)
      .then(setError, () => setError("The console could not be reached. Try again."))
      .finally(() => setBusy(false));
  };
  return { busy, error, submit };
}
