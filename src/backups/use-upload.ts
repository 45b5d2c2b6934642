"use client";
import { useEffect, useRef, useState } from "react";
import type { EngineId } from "@/engines";

export interface UploadProblem {
  title: string;
  fix: string | null;
}

export type Upload =
  | { state: "idle"; problem: UploadProblem | null }
  | { state: "sending"; name: string; bytesDone: number; bytesTotal: number; bytesPerSecond: number }
  /** It is on the disk; the job reads it whole. */
  | { state: "sent"; name: string; jobId: string; backupId: string };

interface Received {
  jobId: string;
  backupId: string;
}

const LOST: UploadProblem = { title: "The connection broke off before the whole file had arrived", fix: "Try again; nothing of it was kept." };

/** Sends one file as it lies on the disk. XMLHttpRequest, because fetch does not tell how much has left. */
export function useUpload(engine: EngineId, connection: string) {
  const [upload, setUpload] = useState<Upload>({ state: "idle", problem: null });
  const request = useRef<XMLHttpRequest | null>(null);
  const isSending = upload.state === "sending";

  // Leaving the page breaks the upload off: the browser asks first.
  useEffect(() => {
    if (!isSending) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isSending]);
  useEffect(() => () => request.current?.abort(), []);

  const start = (file: File): void => {
    const sending = new XMLHttpRequest();
    request.current = sending;
    const began = performance.now();
    const query = new URLSearchParams({ engine, connection, name: file.name });
    const show = (bytesDone: number) =>
      setUpload({
        state: "sending",
        name: file.name,
        bytesDone,
        bytesTotal: file.size,
        bytesPerSecond: (bytesDone * 1000) / Math.max(performance.now() - began, 1),
      });
    const fail = (problem: UploadProblem | null) => setUpload({ state: "idle", problem });
    sending.upload.onprogress = (event) => show(event.loaded);
    sending.onload = () => {
      if (sending.status === 202) {
        const { jobId, backupId } = JSON.parse(sending.responseText) as Received;
        setUpload({ state: "sent", name: file.name, jobId, backupId });
      } else fail(problemOf(sending.responseText));
    };
    sending.onerror = () => fail(LOST);
    sending.onabort = () => fail(null);
    sending.open("POST", `/api/files/upload?${query}`);
    sending.setRequestHeader("content-type", "application/octet-stream");
    sending.setRequestHeader("x-console", "1");
    show(0);
    sending.send(file);
  };

  return {
    upload,
    start,
    refuse: (problem: UploadProblem) => setUpload({ state: "idle", problem }),
    cancel: () => request.current?.abort(),
    reset: () => setUpload({ state: "idle", problem: null }),
  };
}

function problemOf(text: string): UploadProblem {
  try {
    const { title, fix } = JSON.parse(text) as { title?: string; fix?: string | null };
    return { title: title ?? "The console refused the file", fix: fix ?? null };
  } catch {
    return LOST;
  }
}
