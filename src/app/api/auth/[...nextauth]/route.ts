import { answerAuthGet, answerAuthPost } from "@/server/auth/auth-routes";

interface Context {
  params: Promise<{ nextauth: string[] }>;
}

export async function GET(request: Request, context: Context): Promise<Response> {
  return answerAuthGet(request, (await context.params).nextauth);
}

export async function POST(request: Request, context: Context): Promise<Response> {
  return answerAuthPost(request, (await context.params).nextauth);
}
