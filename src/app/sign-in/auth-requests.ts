/** What the sign-in and set-up pages ask of /api/auth. Browser only. */

interface Refusal {
  message: string;
  fix?: string | undefined;
}

export const inWords = ({ message, fix }: Refusal): string => (fix ? `${message}. ${fix}.` : `${message}.`);

const UNREACHABLE: Refusal = { message: "The console does not answer", fix: "Look whether it runs, then try again" };

/** @returns null when it worked */
async function post(path: string, body: Record<string, string>): Promise<Refusal | null> {
  try {
    const response = await fetch(`/api/auth/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-console": "1" },
      body: JSON.stringify(body),
    });
    return response.ok ? null : ((await response.json()) as Refusal);
  } catch {
    return UNREACHABLE;
  }
}

async function csrfToken(): Promise<string> {
  const response = await fetch("/api/auth/csrf");
  return ((await response.json()) as { csrfToken: string }).csrfToken;
}

export async function signIn({ email, password }: { email: string; password: string }): Promise<Refusal | null> {
  try {
    return await post("callback/credentials", { email, password, csrfToken: await csrfToken(), json: "true" });
  } catch {
    return UNREACHABLE;
  }
}

export function makeFirstAdmin(admin: { token: string; name: string; email: string; password: string }): Promise<Refusal | null> {
  return post("set-up", admin);
}

/**
 * Whether this browser is signed in already. A link in a chat opens the console without its cookie (SameSite=Strict), so
 * the sign-in page that it lands on asks once more from here, where the cookie is sent.
 */
export async function isSignedIn(): Promise<boolean> {
  try {
    const response = await fetch("/api/auth/session");
    return ((await response.json()) as { signedIn: boolean }).signedIn;
  } catch {
    return false;
  }
}
