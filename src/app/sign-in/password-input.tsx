"use client";

import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { IconButton } from "@/components/ui/button";
import { Input, type InputProps } from "@/components/ui/input";

/** A password field whose text can be looked at while one types. */
export function PasswordInput(props: Omit<InputProps, "type" | "end">) {
  const [shown, setShown] = useState(false);
  return (
    <Input
      type={shown ? "text" : "password"}
      fieldSize="lg"
      maxLength={128}
      autoCapitalize="off"
      autoCorrect="off"
      spellCheck={false}
      boxClassName="pr-1.5"
      end={
        <IconButton label={shown ? "Hide the password" : "Show the password"} size="sm" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
        </IconButton>
      }
      {...props}
    />
  );
}
