import "server-only";
import type { Selectable, Updateable } from "kysely";
import type { Role } from "@/lib/rights";
import { controlPlane } from "./database";
import type { UsersTable } from "./schema";

export type User = Selectable<UsersTable>;

export async function findUser(id: string): Promise<User | undefined> {
  return controlPlane().selectFrom("users").selectAll().where("id", "=", id).executeTakeFirst();
}

/** @param email in any case; stored in lower case */
export async function findUserByEmail(email: string): Promise<User | undefined> {
  return controlPlane().selectFrom("users").selectAll().where("email", "=", email.toLowerCase()).executeTakeFirst();
}

export async function listUsers(): Promise<User[]> {
  return controlPlane().selectFrom("users").selectAll().orderBy("name").orderBy("id").limit(1_000).execute();
}

export async function anyUser(): Promise<boolean> {
  return (await controlPlane().selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined;
}

/** @returns false when the email is taken, or when `onlyWhenEmpty` and somebody is there already: one statement, so that two cannot both be first */
export async function insertUser(user: UsersTable, options: { onlyWhenEmpty: boolean }): Promise<boolean> {
  return controlPlane()
    .transaction()
    .execute(async (transaction) => {
      const inTheWay = transaction.selectFrom("users").select("id").limit(1);
      const found = await (options.onlyWhenEmpty ? inTheWay : inTheWay.where("email", "=", user.email)).executeTakeFirst();
      if (found) return false;
      await transaction.insertInto("users").values(user).execute();
      return true;
    });
}

export async function updateUser(id: string, change: Updateable<UsersTable>): Promise<void> {
  await controlPlane().updateTable("users").set(change).where("id", "=", id).execute();
}

/**
 * Takes the role away from, or disables, one user, unless no other enabled admin would be left.
 * @returns false when refused
 */
export async function updateUserKeepingAnAdmin(id: string, change: { role?: Role; disabled?: number }): Promise<boolean> {
  return controlPlane()
    .transaction()
    .execute(async (transaction) => {
      const user = await transaction.selectFrom("users").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
      const staysAdmin = (change.role ?? user.role) === "admin" && (change.disabled ?? user.disabled) === 0;
      if (!staysAdmin) {
        const other = await transaction
          .selectFrom("users")
          .select("id")
          .where("role", "=", "admin")
          .where("disabled", "=", 0)
          .where("id", "!=", id)
          .limit(1)
          .executeTakeFirst();
        if (!other) return false;
      }
      await transaction.updateTable("users").set(change).where("id", "=", id).execute();
      return true;
    });
}
