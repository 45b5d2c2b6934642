"use client";

import { type ReactNode, Suspense, createContext, lazy, useCallback, useContext, useMemo, useState } from "react";

export interface ToastMessage {
  title: string;
  detail?: ReactNode;
  tone?: "plain" | "green" | "amber" | "red";
  /** One thing to do about it. */
  action?: { label: string; href?: string; onSelect?: () => void };
  /** Milliseconds on screen; errors stay until closed. */
  durationMs?: number;
}

export interface ShownToast extends ToastMessage {
  id: number;
}

type Raise = (message: ToastMessage) => void;

const ToastContext = createContext<Raise | null>(null);
const ToastViewport = lazy(async () => ({ default: (await import("@/components/ui/toast-viewport")).ToastViewport }));

let lastId = 0;

/** Stands once around the console. The code that shows toasts comes with the first one. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly ShownToast[]>([]);
  const [wanted, setWanted] = useState(false);

  const raise = useCallback<Raise>((message) => {
    lastId += 1;
    const shown = { ...message, id: lastId };
    setWanted(true);
    setToasts((before) => [...before.slice(-4), shown]);
  }, []);
  const remove = useCallback((id: number) => setToasts((before) => before.filter((toast) => toast.id !== id)), []);
  const viewport = useMemo(() => (wanted ? <ToastViewport toasts={toasts} onClose={remove} /> : null), [wanted, toasts, remove]);

  return (
    <ToastContext value={raise}>
      {children}
      <Suspense fallback={null}>{viewport}</Suspense>
    </ToastContext>
  );
}

/** Says something in the corner: `const toast = useToast(); toast({ title: "Backup started" })`. */
export function useToast(): Raise {
  const raise = useContext(ToastContext);
  if (!raise) throw new Error("useToast needs a ToastProvider around it");
  return raise;
}
