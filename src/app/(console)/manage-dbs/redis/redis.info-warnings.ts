import "server-only";
import type { EngineWarning } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatShare } from "@/lib/format";
import type { ServerSettings } from "./redis.info-facts";
import { infoNumber, type InfoFields } from "./redis.server-facts";

const MEMORY_NEARLY_FULL_SHARE = 0.9;
const FRAGMENTATION_RATIO = 1.5;
/** Below this the ratio says nothing: an empty server has a high one. */
const FRAGMENTATION_MEMORY_BYTES = 100 * 1024 * 1024;

interface State {
  info: InfoFields;
  settings: ServerSettings;
}

/** What somebody on call should know, worst first. */
export function findWarnings(state: State): EngineWarning[] {
  const found = [openServer, failedSave, failedAppend, brokenReplica, memoryFull, evicting, noPersistence, fragmented].map((check) => check(state));
  const order = { danger: 0, warn: 1, info: 2 };
  return found.filter((warning) => warning !== null).sort((a, b) => order[a.level] - order[b.level]);
}

function openServer({ settings }: State): EngineWarning | null {
  if (settings.isOpen !== true) return null;
  return {
    level: settings.protectedMode === true ? "warn" : "danger",
    title: "No password",
    detail:
      settings.protectedMode === true
        ? "Everybody on the server's own machine may read and change all data."
        : "Everybody who reaches the port may read and change all data.",
    fix: "Set requirepass, or switch the default user off and give each client an ACL user.",
  };
}

function failedSave({ info }: State): EngineWarning | null {
  if ((info.get("rdb_last_bgsave_status") ?? "ok") === "ok") return null;
  return {
    level: "danger",
    title: "The last snapshot failed",
    detail: `${formatCount(infoNumber(info, "rdb_changes_since_last_save") ?? 0)} changes are not in any snapshot. By default the server then refuses writes.`,
    fix: "See the server's log: most often the disk is full or not writable.",
  };
}

function failedAppend({ info }: State): EngineWarning | null {
  const failed = ["aof_last_write_status", "aof_last_bgrewrite_status"].filter((name) => info.get("aof_enabled") === "1" && (info.get(name) ?? "ok") !== "ok");
  if (failed.length === 0) return null;
  return {
    level: "danger",
    title: "Writing the append-only file failed",
    detail: `${failed.join(" and ")} is not ok: changes may be lost when the server stops.`,
    fix: "See the server's log and free its disk.",
  };
}

function brokenReplica({ info }: State): EngineWarning | null {
  if (info.get("role") !== "slave" || info.get("master_link_status") === "up") return null;
  return {
    level: "danger",
    title: "Cut off from its master",
    detail: "This replica gets no changes: what it shows is old.",
    fix: "Check the master and the network between.",
  };
}

function memoryFull({ info }: State): EngineWarning | null {
  const max = infoNumber(info, "maxmemory") ?? 0;
  const used = infoNumber(info, "used_memory") ?? 0;
  if (max === 0 || used / max < MEMORY_NEARLY_FULL_SHARE) return null;
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  return {
    level: policy === "noeviction" ? "danger" : "warn",
    title: "Memory is nearly full",
    detail: `${formatShare(used / max)} of ${formatBytes(max)} are used; ${policy === "noeviction" ? "at the limit writes are refused (noeviction)" : `at the limit keys are removed (${policy})`}.`,
    fix: "Raise maxmemory, or remove keys.",
  };
}

function evicting({ info }: State): EngineWarning | null {
  const evicted = infoNumber(info, "evicted_keys") ?? 0;
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  const max = infoNumber(info, "maxmemory") ?? 0;
  if (evicted > 0) {
    return {
      level: "warn",
      title: `${formatCount(evicted)} keys were removed to make room`,
      detail: `Since the server started, under ${policy}. A cache may do so; data that must stay may not.`,
      fix: "Raise maxmemory, or keep data that must stay on a server with noeviction.",
    };
  }
  if (max === 0 || policy === "noeviction") return null;
  return {
    level: "info",
    title: "Keys may be removed to make room",
    detail: `At ${formatBytes(max)} the server removes keys (${policy}).`,
    fix: "Use noeviction for data that must stay.",
  };
}

function noPersistence({ info, settings }: State): EngineWarning | null {
  if (settings.save !== "" || info.get("aof_enabled") === "1") return null;
  return {
    level: "warn",
    title: "Nothing is saved to disk",
    detail: "Neither snapshots nor an append-only file: all data is lost when the server stops.",
    fix: "Set `save` or `appendonly yes`, or use it as a cache only.",
  };
}

function fragmented({ info }: State): EngineWarning | null {
  const ratio = infoNumber(info, "mem_fragmentation_ratio") ?? 0;
  const used = infoNumber(info, "used_memory") ?? 0;
  if (ratio < FRAGMENTATION_RATIO || used < FRAGMENTATION_MEMORY_BYTES) return null;
  return {
    level: "info",
    title: "Memory is fragmented",
    detail: `The system holds ${ratio} times what the data needs.`,
    fix: "Switch on activedefrag, or restart the server in a quiet hour.",
  };
}
