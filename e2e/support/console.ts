/**
 * What every browser test begins with: `test` with a signed-in `adminPage`, and a watch over each page that fails the test on an error in
 * the console or a violation of the content security policy.
 */
import { type BrowserContext, expect, type Page, test as base } from "@playwright/test";
import { target } from "./target.ts";

const sessionCookie = "__Host-sid";

/** Signs in over HTTP and answers the value of the session cookie. For tests that are not about the form. */
export async function sessionOf({ email, password }: { email: string; password: string } = target): Promise<string> {
  const started = await fetch(`${target.baseURL}/api/auth/csrf`);
  const { csrfToken } = (await started.json()) as { csrfToken: string };
  const answer = await fetch(`${target.baseURL}/api/auth/callback/credentials`, {
    method: "POST",
    headers: { cookie: cookiesIn(started).join("; "), origin: target.baseURL },
    body: new URLSearchParams({ csrfToken, email, password, json: "true" }),
  });
  const session = cookiesIn(answer).find((pair) => pair.startsWith(`${sessionCookie}=`));
  if (!answer.ok || !session) throw new Error(`${email} cannot sign in: ${answer.status} ${await answer.text()}`);
  return decodeURIComponent(session.slice(sessionCookie.length + 1));
}

function cookiesIn(answer: Response): string[] {
  return answer.headers.getSetCookie().map((line) => line.split(";")[0] ?? "");
}

/** Every page of this context is signed in. A `__Host-` cookie needs an https address, which a browser then also sends to loopback. */
export async function takeSession(context: BrowserContext, session: string): Promise<void> {
  const url = target.baseURL.replace(/^http:/, "https:");
  await context.addCookies([{ name: sessionCookie, value: session, url, secure: true, httpOnly: true, sameSite: "Strict" }]);
}

/** Signs in through the form, as a person does. */
export async function signInByForm(page: Page, { email, password }: { email: string; password: string } = target): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).not.toHaveURL(/sign-in/);
}

export interface Watch {
  /** What went wrong on the pages so far, one line each. */
  problems: string[];
  /** These are expected: a test that makes the server answer 404 sees the browser's own line about it. */
  allow: (pattern: RegExp) => void;
}

/** Collects console errors, exceptions and CSP violations of every page of the context. */
export async function watch(context: BrowserContext): Promise<Watch> {
  const problems: string[] = [];
  const allowed: RegExp[] = [];
  const add = (line: string): void => {
    if (!allowed.some((pattern) => pattern.test(line))) problems.push(line);
  };
  await context.exposeBinding("reportViolation", ({ page }, line: string) => add(`CSP on ${page.url()}: ${line}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const report = (globalThis as unknown as { reportViolation?: (line: string) => void }).reportViolation;
      report?.(`${event.effectiveDirective} blocked ${event.blockedURI} ${event.sample} (${event.sourceFile}:${event.lineNumber})`);
    });
  });
  const attach = (page: Page): void => {
    page.on("console", (message) => {
      if (message.type() === "error") add(`console.error on ${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => add(`exception on ${page.url()}: ${error.message}`));
  };
  context.pages().forEach(attach);
  context.on("page", attach);
  return { problems, allow: (pattern) => void allowed.push(pattern) };
}

interface Fixtures {
  watched: Watch;
  /** A page that is signed in as the admin. */
  adminPage: Page;
}

export const test = base.extend<Fixtures, { adminSession: string }>({
  adminSession: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads what is asked for from it
    async ({}, provide) => provide(await sessionOf()),
    { scope: "worker" },
  ],
  watched: [
    async ({ context }, provide) => {
      const watched = await watch(context);
      await provide(watched);
      expect(watched.problems, "errors in the browser's console, or violations of its policy").toEqual([]);
    },
    { auto: true },
  ],
  adminPage: async ({ context, page, adminSession }, provide) => {
    await takeSession(context, adminSession);
    await provide(page);
  },
});

export { expect } from "@playwright/test";
