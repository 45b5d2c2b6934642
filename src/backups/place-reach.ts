import "server-only";
/**
 * What the names of servers and files lead to just now. The screens ask this every few seconds: answers are shared and kept for a while, and
 * a name server or a file system that hangs occupies few of the process's threads, and nobody for longer than three seconds.
 */
import { lookup } from "node:dns/promises";
import { stat } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import PQueue from "p-queue";
import { single } from "@/server/single";

/** "missing": there is no such host or file. "untold": that cannot be said now. */
export type Reached<T> = T | "missing" | "untold";

interface Kept {
  answer: Promise<Reached<readonly string[]>>;
  until: number;
}

const ANSWER_MS = 3_000;
const FOUND_MS = 60_000;
const FAILED_MS = 10_000;
/** Of libuv's four threads, which also read and write files. */
const LOOK_UPS_AT_ONCE = 2;

const hosts = () => single("place-hosts", () => ({ kept: new Map<string, Kept>(), queue: new PQueue({ concurrency: LOOK_UPS_AT_ONCE }) }));
const files = () => single("place-files", () => new Map<string, Promise<Reached<string>>>());

/** `address:port` of what `host:port` names; the socket of a directory is this machine's. */
export async function addressesOf(at: string): Promise<Reached<readonly string[]>> {
  const colon = at.lastIndexOf(":");
  const [host, port] = [at.slice(0, colon).replace(/^\[|\]$/g, ""), at.slice(colon + 1)];
  if (host.startsWith("/")) return [`${THIS_MACHINE}:${port}`];
  const found = await inTime(lookedUp(host));
  if (typeof found === "string") return found;
  const own = ownAddresses();
  return found.map((address) => `${isLoopback(address) || own.has(address) ? THIS_MACHINE : address}:${port}`);
}

function lookedUp(host: string): Kept["answer"] {
  const { kept, queue } = hosts();
  const known = kept.get(host);
  if (known && known.until > Date.now()) return known.answer;
  const asked: Kept = { until: Number.POSITIVE_INFINITY, answer: queue.add(() => lookup(host, { all: true })).then(found, failed) };
  kept.set(host, asked);
  return asked.answer;

  function found(answers: { address: string }[]): string[] {
    asked.until = Date.now() + FOUND_MS;
    return answers.map(({ address }) => address);
  }
  function failed(error: unknown): "missing" | "untold" {
    asked.until = Date.now() + FAILED_MS;
    return (error as NodeJS.ErrnoException).code === "ENOTFOUND" ? "missing" : "untold";
  }
}

/** Which file lies at a path: two hard links are one. While one question hangs, no second one is asked. */
export function fileAt(path: string): Promise<Reached<string>> {
  const asked = files();
  const known = asked.get(path);
  if (known) return inTime(known);
  const answer = stat(path, { bigint: true })
    .then(({ dev, ino }) => `${dev}:${ino}`, untoldUnlessMissing)
    .finally(() => asked.delete(path));
  asked.set(path, answer);
  return inTime(answer);
}

const untoldUnlessMissing = (error: unknown): "missing" | "untold" =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "") ? "missing" : "untold";

async function inTime<T>(answer: Promise<Reached<T>>): Promise<Reached<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"untold">((resolve) => (timer = setTimeout(resolve, ANSWER_MS, "untold")));
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

const THIS_MACHINE = "this machine";

const isLoopback = (address: string): boolean => /^(127\.|::ffff:127\.|0\.0\.0\.0$|::1?$)/i.test(address);

const ownAddresses = (): Set<string> => new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
