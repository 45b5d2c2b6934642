"use client";
import { type ComponentType, lazy, type ReactNode, Suspense, useSyncExternalStore } from "react";

interface LaterOptions<Props> {
  /** Keeps the place until it is here; nothing by default. */
  loading?: (props: Props) => ReactNode;
}

const never = () => () => undefined;
const inBrowser = () => true;
const onServer = () => false;

/** A part of a page that has a script of its own, fetched when it is first shown and never drawn on the server: a fifth of next/dynamic. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>, { loading: Loading }: LaterOptions<Props> = {}): ComponentType<Props> {
  const Part = lazy(async () => ({ default: await load() }));
  return function Later(props: Props) {
    const isMounted = useSyncExternalStore(never, inBrowser, onServer);
    const waiting = Loading ? <Loading {...props} /> : null;
    return isMounted ? (
      <Suspense fallback={waiting}>
        <Part {...props} />
      </Suspense>
    ) : (
      waiting
    );
  };
}
