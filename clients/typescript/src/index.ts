// A typed client of a tenant's routes. `schema.ts` is generated from docs/openapi.json, `functions.ts` from
// configs/platform.yml; README.md shows how to use it.
import createClient, { type Client } from "openapi-fetch";
import { FUNCTIONS } from "./functions.js";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";

/** The routes that a tenant's key opens. */
export type TenantPaths = Pick<paths, keyof typeof FUNCTIONS>;
/** The functions that serve these routes. */
export type FunctionName = (typeof FUNCTIONS)[keyof typeof FUNCTIONS];
/** An error. `title` and `detail` are for people, `type` is for programs. `errors` lists the bad fields. */
export type Problem = components["schemas"]["Problem"];
/** The address of all routes, for example an API Gateway's; or that of each function, where there is no common one. */
export type Address = string | Readonly<Record<FunctionName, string>>;

type Json = "application/json" | "application/problem+json";

export interface Options {
  address: Address;
  apiKey: string;
  /** The person who acts. It is kept for audit and gives no rights. */
  userId?: string;
}

/**
 * A client of the platform. Its methods take a path of docs/api.md, and return `data` or `error`, never both. They
 * throw only if there is no answer at all.
 */
export function connect({ address, apiKey, userId }: Options): Client<TenantPaths, Json> {
  const headers = { "X-API-Key": apiKey, ...(userId === undefined ? {} : { "X-User-ID": userId }) };
  const client = createClient<TenantPaths, Json>({ headers });
  const addressOf = (path: keyof TenantPaths) => (typeof address === "string" ? address : address[FUNCTIONS[path]]);
  for (const method of ["GET", "POST", "PATCH", "DELETE"] as const) {
    const send = client[method] as (path: keyof TenantPaths, options: object) => Promise<unknown>;
    const sendToFunction = (path: keyof TenantPaths, options?: object) =>
      send(path, { ...options, baseUrl: addressOf(path) });
    Object.assign(client, { [method]: sendToFunction });
  }
  return client;
}
