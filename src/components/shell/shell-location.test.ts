import { describe, expect, it } from "vitest";
import { type ShellConnection, connectionHref, engineTabs, readShellLocation } from "@/components/shell/shell-location";
import { keyName } from "@/components/shell/shortcuts";

const connection = (engine: ShellConnection["engine"], name: string, environment: ShellConnection["environment"] = "development"): ShellConnection => ({
  engine,
  name,
  environment,
  version: "1",
  health: "ok",
});
const connections = [
  connection("postgres", "main", "production"),
  connection("postgres", "staging", "staging"),
  connection("redis", "cache"),
  connection("sqlite", "control-plane"),
];

describe("readShellLocation", () => {
  it("knows home and plain areas", () => {
    expect(readShellLocation("/", connections)).toMatchObject({ area: "", engine: null, crumbs: [{ label: "Home" }] });
    expect(readShellLocation("/audit", connections)).toMatchObject({ area: "audit", connection: null, crumbs: [{ label: "Audit", href: "/audit" }] });
    expect(readShellLocation("/jobs/4182", connections).crumbs).toEqual([
      { label: "Jobs", href: "/jobs" },
      { label: "4182", href: "/jobs/4182" },
    ]);
  });

  it("finds the connection and with it the environment", () => {
    expect(readShellLocation("/manage-dbs/postgres/main", connections)).toMatchObject({
      area: "manage-dbs",
      engine: "postgres",
      connectionName: "main",
      section: "",
      connection: { environment: "production" },
      crumbs: [],
    });
    expect(readShellLocation("/manage-dbs/postgres/main/backups/b41", connections).crumbs).toEqual([
      { label: "Backups", href: "/manage-dbs/postgres/main/backups" },
      { label: "b41" },
    ]);
  });

  it("claims no environment for a connection nobody knows", () => {
    expect(readShellLocation("/manage-dbs/postgres/gone/tables", connections)).toMatchObject({ connection: null, connectionName: "gone", section: "tables" });
    expect(readShellLocation("/manage-dbs/oracle", connections)).toMatchObject({ engine: null });
  });

  it("reads escaped names and survives broken ones", () => {
    expect(readShellLocation("/manage-dbs/redis/a%20b", [connection("redis", "a b", "staging")]).connection?.environment).toBe("staging");
    expect(readShellLocation("/manage-dbs/redis/%E0%A4%A", connections).connectionName).toBe("%E0%A4%A");
    expect(connectionHref("redis", "a b/c", "keys")).toBe("/manage-dbs/redis/a%20b%2Fc/keys");
  });
});

describe("engineTabs", () => {
  it("stays with the connection's name where there is one, else takes the first", () => {
    const hrefs = engineTabs(connections, { engine: "postgres", name: "staging" }).map(({ href }) => href);
    expect(hrefs).toEqual(["/manage-dbs/sqlite/control-plane", "/manage-dbs/redis/cache", "/manage-dbs/postgres/staging", "/manage-dbs/mongodb"]);
  });
});

describe("keyName", () => {
  it("names chords, and signs as they are typed", () => {
    const press = (key: string, more = {}): string => keyName({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });
    expect([press("K", { ctrlKey: true }), press("?"), press("ArrowDown"), press("j")]).toEqual(["Control+k", "?", "ArrowDown", "j"]);
  });
});
