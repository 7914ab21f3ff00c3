// Better Auth with its SCIM plugin, over its own memory adapter. With the
// argument "limited" it answers so many requests a second and refuses the rest,
// as it does wherever it is not being developed.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { getAuthTables } from "better-auth/db";
import { toNodeHandler } from "better-auth/node";
import { scim } from "@better-auth/scim";
import { listen, origin, token } from "./listen.mjs";

const database = {};
let handler;
const server = createServer((request, response) => handler(request, response));
server.on("listening", () => {
  const options = {
    baseURL: origin(server),
    secret: "a secret of the test that is long enough",
    database: memoryAdapter(database),
    telemetry: { enabled: false },
    rateLimit: { enabled: process.argv[2] === "limited", window: 1, max: 15, storage: "memory" },
    logger: { level: "error" },
    plugins: [scim({ connections: [{ id: "syncd", credentials: [{ type: "bearer", id: "test", token }] }] })],
  };
  for (const { modelName } of Object.values(getAuthTables(options))) database[modelName] = [];
  handler = toNodeHandler(betterAuth(options));
});
listen(server, "/api/auth/scim/v2", () => {
  for (const model of Object.keys(database)) database[model] = [];
});
