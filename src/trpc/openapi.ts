import "server-only";
import { generateOpenApiDocument } from "trpc-to-openapi";
import { single } from "@/server/single";
import { appRouter } from "@/trpc/root";

/** OpenAPI 3.1 of the REST face, made from the router. */
export function openApiDocument() {
  return single("openapi", () =>
    generateOpenApiDocument(appRouter, {
      title: "Foundry Console",
      description:
        "Administers SQLite, Redis, PostgreSQL and MongoDB. Authenticate with an API token as `Authorization: Bearer`, or with a session and the header `x-console: 1`.",
      version: "1.0.0",
      baseUrl: "/api/admin",
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    }),
  );
}
