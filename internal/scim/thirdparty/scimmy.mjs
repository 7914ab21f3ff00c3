// SCIMMY with its Express routers, over resources kept in memory, as its
// documentation sets it up.
//
// The routers turn startIndex and count into numbers within request.query.
// Express 5 makes that object anew at every look, so the numbers are lost, and
// whatever page is asked for, the answer is the first 20 resources. Express 4
// kept the object. With the argument "unpaged" it is as Express 5 has it.
//
// With the argument "put" it says that it has no PATCH, and answers it with 501.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";
import { listen, token } from "./listen.mjs";

const { User, Group, Schema } = SCIMMY.Resources;
User.extend(SCIMMY.Schemas.EnterpriseUser, false);

// store keeps the resources of one type, of which unique may exist once only, and returns them.
function store(Resource, unique) {
  const kept = new Map();
  SCIMMY.Resources.declare(Resource)
    .ingress((resource, instance) => {
      const { id = randomUUID(), meta } = kept.get(resource.id) ?? {};
      if (resource.id && !kept.has(resource.id)) {
        throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
      }
      const taken = (other) => other.id !== id && other[unique].toLowerCase() === instance[unique].toLowerCase();
      if ([...kept.values()].some(taken)) {
        throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} ${instance[unique]} is taken`);
      }
      const now = new Date();
      const plain = JSON.parse(JSON.stringify(instance));
      delete plain.schemas;
      kept.set(id, { ...plain, id, meta: { created: meta?.created ?? now, lastModified: now } });
      return kept.get(id);
    })
    .egress((resource) => {
      if (!resource.id) {
        const all = [...kept.values()];
        return resource.filter ? resource.filter.match(all) : all;
      }
      if (!kept.has(resource.id)) {
        throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
      }
      return kept.get(resource.id);
    })
    .degress((resource) => {
      if (!kept.delete(resource.id)) {
        throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
      }
    });
  return kept;
}

const stores = [store(User, "userName"), store(Group, "displayName")];

const mode = process.argv[2];
const app = express();
if (mode !== "unpaged") {
  app.use((request, response, next) => {
    Object.defineProperty(request, "query", { value: { ...request.query } });
    next();
  });
}
if (mode === "put") {
  app.patch(/.*/, (request, response) => {
    response.status(501).send(new SCIMMY.Messages.Error({ status: 501, message: "PATCH is not supported" }));
  });
}
app.use(
  "/scim/v2",
  new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
      if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("The token is not valid");
      return "syncd";
    },
  }),
);
if (mode === "put") SCIMMY.Config.set("patch", false);
listen(createServer(app), "/scim/v2", () => stores.forEach((kept) => kept.clear()));
