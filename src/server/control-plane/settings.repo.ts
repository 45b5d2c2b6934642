import "server-only";
import { controlPlane } from "./database";

export async function readSetting(key: string): Promise<string | undefined> {
  return (await controlPlane().selectFrom("settings").select("value").where("key", "=", key).executeTakeFirst())?.value;
}

/** All whose key begins so. */
export function settingsOf(prefix: string): Promise<{ key: string; value: string }[]> {
  const after = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
  return controlPlane().selectFrom("settings").selectAll().where("key", ">=", prefix).where("key", "<", after).orderBy("key").execute();
}

export async function writeSetting(key: string, value: string): Promise<void> {
  await controlPlane()
    .insertInto("settings")
    .values({ key, value })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
    .execute();
}

export async function deleteSetting(key: string): Promise<void> {
  await controlPlane().deleteFrom("settings").where("key", "=", key).execute();
}
