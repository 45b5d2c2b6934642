"use client";

import { useEffect, useRef } from "react";
import { Button } from "@/components/ui/button";

export interface LoadMoreProps {
  hasMore: boolean;
  loading: boolean;
  onLoad: () => void;
  /** "older rows" */
  what?: string;
  /** Loads by itself when scrolled into view; the button stays for the keyboard. */
  automatic?: boolean;
}

export function LoadMore({ hasMore, loading, onLoad, what = "more", automatic = false }: LoadMoreProps) {
  const box = useRef<HTMLDivElement>(null);
  const load = useRef(onLoad);
  useEffect(() => {
    load.current = onLoad;
  });

  useEffect(() => {
    const element = box.current;
    if (!automatic || !hasMore || loading || !element) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && load.current(), {
      rootMargin: "400px",
      scrollMargin: "400px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [automatic, hasMore, loading]);

  if (!hasMore) return null;
  return (
    <div ref={box} className="flex justify-center p-3">
      <Button size="sm" busy={loading} onClick={onLoad}>
        Load {what}
      </Button>
    </div>
  );
}
