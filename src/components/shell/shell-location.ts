import { ENGINES, ENGINE_IDS, type EngineId, isEngineId } from "@/engines";
import type { Environment } from "@/components/ui/badge";
import type { Health } from "@/components/ui/health-dot";
import { capitalised } from "@/lib/format";

/** What the shell knows of a connection. */
export interface ShellConnection {
  engine: EngineId;
  name: string;
  environment: Environment;
  /** Null while it is not known. */
  version: string | null;
  health: Health;
}

export interface Crumb {
  label: string;
  href?: string;
}

export interface ShellLocation {
  /** The first segment of the URL, which is the item of the rail: "" is home. */
  area: string;
  engine: EngineId | null;
  connection: ShellConnection | null;
  /** What stands in the URL where a connection's name belongs, known or not. */
  connectionName: string | null;
  /** Segment of the sub-navigation; "" is the overview. */
  section: string;
  /** What follows the connection, or the area. */
  crumbs: Crumb[];
}

/** Segments that read better in other words. */
const words: Record<string, string> = { "manage-dbs": "Manage databases", restore: "Restore" };

function labelOf(segment: string): string {
  return words[segment] ?? capitalised(segment).replaceAll("-", " ");
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Reads where we are from the path alone, so that the server and the browser agree. */
export function readShellLocation(pathname: string, connections: readonly ShellConnection[]): ShellLocation {
  const segments = pathname.split("/").filter(Boolean).map(decode);
  const [area = "", engineSegment, connectionName = null, section = "", ...rest] = segments;
  if (area !== "manage-dbs" || engineSegment === undefined || !isEngineId(engineSegment)) {
    return { area, engine: null, connection: null, connectionName: null, section: "", crumbs: area === "" ? [{ label: "Home" }] : plainCrumbs(segments) };
  }
  const engine = engineSegment;
  const base = connectionName === null ? "" : connectionHref(engine, connectionName);
  const known = ENGINES[engine].sections.find((entry) => entry.segment === section);
  const crumbs: Crumb[] = section === "" ? [] : [{ label: known?.label ?? labelOf(section), href: `${base}/${encodeURIComponent(section)}` }];
  crumbs.push(...rest.map((segment) => ({ label: words[segment] ?? segment })));
  return {
    area,
    engine,
    connection: connections.find((entry) => entry.engine === engine && entry.name === connectionName) ?? null,
    connectionName,
    section,
    crumbs,
  };
}

function plainCrumbs(segments: readonly string[]): Crumb[] {
  return segments.map((segment, index) => ({
    label: index === 0 || segments[0] === "settings" ? labelOf(segment) : (words[segment] ?? segment),
    href: `/${segments
      .slice(0, index + 1)
      .map(encodeURIComponent)
      .join("/")}`,
  }));
}

export function connectionHref(engine: EngineId, name: string, section = ""): string {
  return `/manage-dbs/${engine}/${encodeURIComponent(name)}${section === "" ? "" : `/${section}`}`;
}

/** Where "Manage databases" leads: the first connection that can be reached at all, the console's own database last. */
export function firstConnection<C extends { missing: unknown; source: string }>(connections: readonly C[]): C | undefined {
  return connections.find((entry) => entry.missing === null && entry.source !== "built-in") ?? connections[0];
}

export interface EngineTab {
  engine: EngineId;
  href: string;
  version: string | null;
  health: Health | null;
}

/** The tabs of the four engines: each leads to the connection of the same name, else to its first one, else to the engine's own page. */
export function engineTabs(connections: readonly ShellConnection[], current: { engine: EngineId | null; name: string | null }): EngineTab[] {
  return ENGINE_IDS.map((engine) => {
    const own = connections.filter((entry) => entry.engine === engine);
    const target = own.find((entry) => entry.name === current.name) ?? own.find((entry) => entry.name === "main") ?? own[0];
    return {
      engine,
      href: target ? connectionHref(engine, target.name) : `/manage-dbs/${engine}`,
      version: target?.version ?? null,
      health: target?.health ?? null,
    };
  });
}
