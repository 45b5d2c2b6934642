/** For tests: a person of each role with a session, and requests to the real route handlers as the console's own pages send them. */
import { addPerson, signedIn } from "@/test/people";

export type Who = "viewer" | "operator" | "admin";

export interface Ask {
  body?: unknown;
  method?: string;
  headers?: Record<string, string>;
}

export interface Answer {
  result?: { data: unknown };
  error?: { data: { code: string; httpStatus: number }; message: string };
}

type Call = [path: string, input: unknown];

/** Call it after the control plane is up. */
export async function callers() {
  const trpcRoute = await import("@/app/api/trpc/[trpc]/route");
  const people = { viewer: await addPerson("viewer"), operator: await addPerson("operator"), admin: await addPerson("admin") };
  const sessions: Record<Who, Headers> = {
    viewer: await signedIn(people.viewer),
    operator: await signedIn(people.operator),
    admin: await signedIn(people.admin),
  };

  function request(who: Who | null, path: string, { body, method, headers = {} }: Ask = {}): Request {
    const all = new Headers(who ? sessions[who] : {});
    all.set("host", "127.0.0.1:3000");
    if (body !== undefined) all.set("content-type", "application/json");
    const own = { "x-console": "1", "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:3000" };
    for (const [name, value] of Object.entries({ ...own, ...headers })) all.set(name, value);
    return new Request(`http://127.0.0.1:3000${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: all,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  async function batch(who: Who | null, calls: Call[], kind: "query" | "mutation"): Promise<{ status: number; answers: Answer[] }> {
    const paths = calls.map(([path]) => path).join(",");
    const inputs = Object.fromEntries(calls.map(([, input], index) => [String(index), input]));
    const response =
      kind === "query"
        ? await trpcRoute.GET(request(who, `/api/trpc/${paths}?batch=1&input=${encodeURIComponent(JSON.stringify(inputs))}`))
        : await trpcRoute.POST(request(who, `/api/trpc/${paths}?batch=1`, { body: inputs }));
    const body = (await response.json()) as Answer[] | Answer;
    return { status: response.status, answers: Array.isArray(body) ? body : [body] };
  }

  return { people, sessions, request, batch };
}

export function dataOf<T>([first]: Answer[]): T {
  if (!first?.result) throw new Error(`refused: ${first?.error?.message}`);
  return first.result.data as T;
}

export const codes = (answers: Answer[]): string[] => answers.map((answer) => answer.error?.data.code ?? "ok");
