import { Hono } from "hono";
import { expect, it } from "vitest";
import { guard } from "./access.js";

it.each([
  [8080, "127.0.0.1:8080", 200],
  [8080, "127.0.0.1", 403],
  [80, "localhost", 200], // browsers leave out the usual port
  [80, "localhost:8080", 403],
])("on port %i lets host %s in: %i", async (port, host, status) => {
  const app = new Hono().use(guard("token", () => port)).get("/token/page", (context) => context.text("it"));
  const answer = await app.request("http://127.0.0.1/token/page", { headers: { host } });
  expect(answer.status).toBe(status);
});
