/** Who did it when nobody asked at that moment: schedules, retention, tidying up. */
export const SYSTEM_USER = { id: "system", name: "the console" };

/** The same in a row of the audit log. */
export const SYSTEM_ACTOR = { actor_id: SYSTEM_USER.id, actor_name: SYSTEM_USER.name, role: null, session: null, address: null };
