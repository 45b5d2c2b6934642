import "server-only";
/** Child processes are known by pid and start time, so that a sweep after a crash never ends somebody else's process. */
import { readFileSync } from "node:fs";

export interface ChildIdentity {
  pid: number;
  /** Clock ticks since boot at which the process started: field 22 of /proc/<pid>/stat (proc(5)). */
  startTicks: string;
}

/** Null when it has ended, or where there is no /proc. */
export function childIdentity(pid: number): ChildIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const startTicks = fields[19];
    return startTicks ? { pid, startTicks } : null;
  } catch {
    return null;
  }
}

/** Ends a child that outlived its console. True when there was one. */
export function endChild(identity: ChildIdentity): boolean {
  if (childIdentity(identity.pid)?.startTicks !== identity.startTicks) return false;
  try {
    process.kill(identity.pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
