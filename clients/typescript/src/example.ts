// What a page of a tenant's frontend may do: look at the quota, start a run, and read the costs of some days.
import { type Address, connect, type Problem } from "./index.js";

/** The net costs of each service, the highest first, by billing currency. Two currencies are never added up. */
export async function costsByService(
  address: Address,
  tenantId: string,
  apiKey: string,
  { from, to }: { from: string; to: string },
) {
  const client = connect({ address, apiKey });
  const { data, error } = await client.GET("/api/v1/costs/{tenant_id}", {
    params: { path: { tenant_id: tenantId }, query: { from, to, granularity: "total", group_by: "service" } },
  });
  if (error) throw new Error(errorOf(error));
  return data.currencies.map(({ billing_currency, groups }) => ({
    billing_currency,
    groups: groups.map(({ name, cost }) => ({ name, cost })),
  }));
}

/** Starts a run that loads whatever is new. The same `key` starts it once, however often it is sent. */
export async function startRun(address: Address, tenantId: string, apiKey: string, key: string) {
  const client = connect({ address, apiKey, userId: "example" });
  const { data, error, response } = await client.POST(
    "/api/v1/pipelines/run/{tenant_id}/{provider}/{domain}/{template}",
    {
      params: {
        path: { tenant_id: tenantId, provider: "gcp", domain: "cost", template: "billing" },
        header: { "Idempotency-Key": key },
      },
      body: {},
    },
  );
  if (error) throw new Error(errorOf(error));
  return { answer: data, location: response.headers.get("Location") };
}

/** How many runs the tenant has left today. */
export async function runsLeft(address: Address, tenantId: string, apiKey: string): Promise<number> {
  const { data, error } = await connect({ address, apiKey }).GET("/api/v1/usage/{tenant_id}", {
    params: { path: { tenant_id: tenantId } },
  });
  if (error) throw new Error(errorOf(error));
  return data.remaining_today;
}

function errorOf({ title, detail }: Problem): string {
  return `${title}: ${detail}`;
}
