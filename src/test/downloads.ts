/** For tests: an admin who asks for files as the console's pages do: a ticket over REST, then the file of it. */
import { addPerson, signedIn } from "@/test/people";

/** Call it after the control plane is up. */
export async function downloads() {
  const filesRoute = await import("@/app/api/files/[ticket]/route");
  const restRoute = await import("@/app/api/admin/[...path]/route");
  const { controlPlane } = await import("@/server/control-plane/database");
  const admin = await addPerson("admin");
  const headers = await signedIn(admin);
  return {
    admin,
    headers,
    /** The id of a ticket for what this path of the REST face sends. */
    ticket: async (path: string, by: Headers = headers): Promise<string> => {
      const response = await restRoute.GET(new Request(`http://127.0.0.1:3000${path}`, { headers: by }));
      if (response.status !== 303) throw new Error(`${response.status}: ${await response.text()}`);
      return (response.headers.get("location") ?? "").replace("/api/files/", "");
    },
    fetchFile: (id: string, options: { by?: Headers; range?: string } = {}): Promise<Response> => {
      const all = new Headers(options.by ?? headers);
      if (options.range) all.set("range", options.range);
      return filesRoute.GET(new Request(`http://127.0.0.1:3000/api/files/${id}`, { headers: all }), { params: Promise.resolve({ ticket: id }) });
    },
    /** The last two audit rows of file streams, newest first. */
    auditOf: () => controlPlane().selectFrom("audit").selectAll().where("procedure", "=", "files.get").orderBy("seq", "desc").limit(2).execute(),
  };
}

export const bodyOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
