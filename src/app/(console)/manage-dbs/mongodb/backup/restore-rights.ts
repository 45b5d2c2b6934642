import "server-only";

import type { Document, MongoClient } from "mongodb";

import { attempt } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { PlanCheck } from "@/backups/engine";

/** Whether the connection's user may do what a restore does, by what the server says of them. */

type Check = ReturnType<typeof PlanCheck.parse>;

const NEEDED = ["find", "insert", "createCollection", "dropCollection", "createIndex", "listCollections", "listIndexes", "renameCollectionSameDB"];
/** Only for collections with a validator: their old documents may not fit it. */
const BYPASS = "bypassDocumentValidation";
const TITLE = "Rights";

export async function rightsCheck(client: MongoClient, database: string): Promise<Check> {
  const answer = await attempt(client.db("admin").command({ connectionStatus: 1, showPrivileges: true }));
  const info = answer?.["authInfo"] as Document | undefined;
  if (((info?.["authenticatedUsers"] ?? []) as Document[]).length === 0)
    return { result: "pass", title: TITLE, detail: "this server does not ask who connects" };
  const privileges = (info?.["authenticatedUserPrivileges"] ?? []) as Document[];
  return privileges.length > 0 ? byPrivileges(privileges, database) : byRoles((info?.["authenticatedUserRoles"] ?? []) as Document[], database);
}

function byPrivileges(privileges: Document[], database: string): Check {
  const granted = new Set(
    privileges
      .filter((privilege) => covers(privilege["resource"] as Document | undefined, database))
      .flatMap((privilege) => (privilege["actions"] ?? []) as string[]),
  );
  const lacks = (action: string) => !granted.has(action) && !granted.has("anyAction");
  const missing = NEEDED.filter(lacks);
  if (missing.length > 0)
    return { result: "fail", title: TITLE, detail: `the connection's user lacks ${missing.join(", ")} on ${database}: the role readWrite gives them` };
  if (lacks(BYPASS)) {
    const detail = `the connection's user lacks ${BYPASS} on ${database}, which collections with a validator need: the roles dbAdmin and restore give it`;
    return { result: "warn", title: TITLE, detail };
  }
  return { result: "pass", title: TITLE, detail: "create, fill, index, rename and drop collections; bypass their validation" };
}

/** A right on one collection is not enough: what stands aside has other names. */
function covers(resource: Document | undefined, database: string): boolean {
  if (!resource) return false;
  if (resource["anyResource"] === true) return true;
  return resource["collection"] === "" && (resource["db"] === "" || resource["db"] === database);
}

const ROLES_ENOUGH = new Set(["root", "__system", "restore", "readWriteAnyDatabase", "readWrite", "dbOwner"]);
const ROLES_FOR_READING = new Set(["read", "readAnyDatabase", "clusterMonitor", "backup"]);

/** Some servers name the roles and not what they allow. */
function byRoles(roles: Document[], database: string): Check {
  const here = roles.filter((role) => role["db"] === database || role["db"] === "admin").map((role) => String(role["role"]));
  const shown = here.join(", ") || "no role";
  if (here.some((role) => ROLES_ENOUGH.has(role))) return { result: "pass", title: TITLE, detail: `the connection's user has ${shown} on ${database}` };
  if (here.every((role) => ROLES_FOR_READING.has(role)))
    return { result: "fail", title: TITLE, detail: `the connection's user has ${shown} on ${database}, and needs readWrite` };
  return { result: "warn", title: TITLE, detail: `the connection's user has ${shown} on ${database}: what that allows is found out while restoring aside` };
}
