/**
 * One value per process. Next evaluates a shared module once per layer (pages, routes, boot), so module state is not
 * a singleton; globalThis is.
 */
const store = globalThis as unknown as { __foundryConsole?: Map<string, unknown> };

export function single<T>(key: string, make: () => T): T {
  store.__foundryConsole ??= new Map();
  if (!store.__foundryConsole.has(key)) store.__foundryConsole.set(key, make());
  return store.__foundryConsole.get(key) as T;
}
