/** Ends the session on the server, then leaves the page whole so that nothing of it stays in memory. */
export async function signOutHere(): Promise<void> {
  const { csrfToken } = (await (await fetch("/api/auth/csrf")).json()) as { csrfToken: string };
  await fetch("/api/auth/signout", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ csrfToken, json: "true" }) });
  window.location.assign("/sign-in");
}
