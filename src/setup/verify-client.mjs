/** A console's REST face, called with the session of a signed-in person, as a browser calls it. */
import { SetupError } from "./progress.mjs";
import { sleep } from "./processes.mjs";

const timeoutMs = 120_000;
const triesMax = 4;

/**
 * Signs in with email and password.
 * @param {{url: string, email: string, password: string}} options url: address of the console
 * @returns {Promise<{
 *   json: (method: string, path: string, body?: object) => Promise<any>,
 *   stream: (path: string) => Promise<AsyncIterable<Uint8Array>>,
 *   file: (path: string) => Promise<string>,
 *   page: (path: string) => Promise<string>,
 * }>} paths are below /api/admin, those of `page` (its HTML) below the origin; `stream` and `file` follow the single-use link that a download answers with
 */
export async function signIn({ url, email, password }) {
  const origin = new URL(url).origin;
  const cookies = new Map();

  async function send(path, options = {}) {
    for (let tries = 1; ; tries += 1) {
      const headers = { origin, "x-console": "1", cookie: [...cookies].map((pair) => pair.join("=")).join("; "), ...options.headers };
      const answer = await fetch(new URL(path, origin), { redirect: "manual", signal: AbortSignal.timeout(timeoutMs), ...options, headers });
      for (const line of answer.headers.getSetCookie()) keep(line);
      if (answer.status !== 429 || tries === triesMax) return answer;
      await answer.body?.cancel();
      await sleep(Math.min(Number(answer.headers.get("retry-after") ?? 1), 15) * 1_000);
    }
  }

  function keep(line) {
    const [pair = "", ...attributes] = line.split(";");
    const [name, value] = [pair.slice(0, pair.indexOf("=")).trim(), pair.slice(pair.indexOf("=") + 1).trim()];
    const isOver = value === "" || attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
    if (isOver) cookies.delete(name);
    else cookies.set(name, value);
  }

  async function json(method, path, body) {
    const answer = await send(`/api/admin${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    throw new Error(`${answer.status} ${problemIn(text)}`.trim());
  }

  async function stream(path) {
    const link = await send(`/api/admin${path}`);
    const location = link.headers.get("location");
    if (link.status !== 303 || !location) throw new Error(`${link.status} instead of a link: ${problemIn(await link.text())}`);
    await link.body?.cancel();
    const file = await send(location);
    if (file.status !== 200 || !file.body) throw new Error(`${file.status} for the file: ${problemIn(await file.text())}`);
    return file.body;
  }

  async function file(path) {
    const chunks = [];
    for await (const chunk of await stream(path)) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  }

  const start = await send("/api/auth/csrf").catch((error) => {
    throw new SetupError(`Nothing answers at ${origin} (${error.cause?.code ?? error.message}).`, "Start the console, or give its address with --url.");
  });
  const { csrfToken } = await start.json();
  const answer = await send("/api/auth/callback/credentials", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ email, password, csrfToken, json: "true" }).toString(),
  });
  const text = await answer.text();
  if (!answer.ok || !cookies.has("__Host-sid")) {
    throw new SetupError(`${origin} does not let ${email} in: ${answer.status} ${problemIn(text)}.`, "Check ADMIN_EMAIL and ADMIN_PASSWORD.");
  }
  return { json, stream, file, page: async (path) => (await send(path)).text() };
}

/** The words of a problem+json, else the beginning of what came. */
function problemIn(text) {
  try {
    const problem = JSON.parse(text);
    return [problem.title, problem.detail, problem.message, problem.fix].filter((part) => typeof part === "string").join(" ");
  } catch {
    return text.slice(0, 200);
  }
}
