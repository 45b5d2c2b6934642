import type { TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";

const ROLE = String.raw`(?:"(?:[^"]|"")*"|[^\s",;]+)`;
/** GRANT, REVOKE, ALTER DEFAULT PRIVILEGES and SET SESSION AUTHORIZATION as pg_dump writes them, one role each. */
const IN_RIGHTS = new RegExp(
  String.raw`^(?:SET SESSION AUTHORIZATION (${ROLE})|ALTER DEFAULT PRIVILEGES FOR ROLE (${ROLE}) .* (?:TO|FROM) (${ROLE})|(?:GRANT|REVOKE) .* (?:TO|FROM) (${ROLE}))(?: WITH GRANT OPTION)?;$`,
  "gm",
);
const IN_POLICY = new RegExp(String.raw` TO (${ROLE}(?:, ${ROLE})*)(?: USING | WITH CHECK |;)`);

/** The roles that an archive names: as owners, in rights, in row security. PUBLIC is not one. */
export function rolesOfArchive(entries: readonly TocEntry[]): { owners: string[]; rights: string[]; policies: string[] } {
  // Rights on the database itself are not restored.
  const rights = entries
    .filter((entry) => (entry.kind === "ACL" && !entry.name.startsWith("DATABASE ")) || entry.kind === "DEFAULT ACL")
    .flatMap(({ definition }) => rolesInRights(definition ?? ""));
  const policies = entries.filter((entry) => entry.kind === "POLICY").flatMap(({ definition }) => rolesInPolicy(definition ?? ""));
  return { owners: ownersOfArchive(entries), rights: distinct(rights), policies: distinct(policies) };
}

/** The owner of the database is not one of those who own what is in it. */
export const ownersOfArchive = (entries: readonly TocEntry[]): string[] =>
  distinct(entries.filter((entry) => !entry.kind.startsWith("DATABASE") && !entry.name.startsWith("DATABASE ")).map((entry) => entry.owner));

const rolesInRights = (definition: string): string[] =>
  [...definition.matchAll(IN_RIGHTS)].flatMap((match) => match.slice(1).filter((role) => role !== undefined)).flatMap(roleNames);

const rolesInPolicy = (definition: string): string[] => roleNames(IN_POLICY.exec(definition)?.[1] ?? "");

const roleNames = (list: string): string[] =>
  [...list.matchAll(new RegExp(ROLE, "g"))]
    .filter(([word]) => word !== "PUBLIC" && word !== "DEFAULT")
    .map(([word]) => (word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word));

const distinct = (names: readonly string[]): string[] => [...new Set(names)].filter((name) => name !== "").toSorted();
