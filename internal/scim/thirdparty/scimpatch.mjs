// An endpoint of one's own, as companies write them: node's HTTP server,
// scim-patch for PATCH and scim2-parse-filter for filters. It has no discovery.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { patchBodyValidation, scimPatch, ScimError } from "scim-patch";
import { filter, parse } from "scim2-parse-filter";
import { listen, token } from "./listen.mjs";

const base = "/scim/v2";
const types = {
  Users: { schema: "urn:ietf:params:scim:schemas:core:2.0:User", resourceType: "User", unique: "userName", kept: new Map() },
  Groups: { schema: "urn:ietf:params:scim:schemas:core:2.0:Group", resourceType: "Group", unique: "displayName", kept: new Map() },
};

class Refusal extends Error {
  constructor(status, detail, scimType) {
    super(detail);
    Object.assign(this, { status, scimType });
  }
}

function list(type, query) {
  let found = [...type.kept.values()];
  const wanted = query.get("filter");
  if (wanted !== null) {
    try {
      found = found.filter(filter(parse(wanted)));
    } catch (e) {
      throw new Refusal(400, `the filter cannot be read: ${e.message}`, "invalidFilter");
    }
  }
  const start = Math.max(1, Number(query.get("startIndex") ?? 1));
  const count = Math.max(0, Math.min(200, Number(query.get("count") ?? 50)));
  const page = found.slice(start - 1, start - 1 + count);
  return {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
    totalResults: found.length,
    startIndex: start,
    itemsPerPage: page.length,
    Resources: page,
  };
}

// keep checks a resource and stores it.
function keep(type, resource) {
  const name = resource[type.unique];
  if (typeof name !== "string" || name === "") throw new Refusal(400, `${type.unique} is required`, "invalidValue");
  for (const other of type.kept.values()) {
    if (other.id !== resource.id && other[type.unique].toLowerCase() === name.toLowerCase()) {
      throw new Refusal(409, `${type.unique} "${name}" is taken`, "uniqueness");
    }
  }
  resource.meta = { ...resource.meta, resourceType: type.resourceType, lastModified: new Date().toISOString() };
  type.kept.set(resource.id, resource);
  return resource;
}

function answer(method, type, id, query, body) {
  if (!id) {
    if (method === "GET") return [200, list(type, query)];
    if (method !== "POST") throw new Refusal(405, `${method} is not supported here`);
    if (!body.schemas?.includes(type.schema)) throw new Refusal(400, `schemas must name ${type.schema}`, "invalidSyntax");
    return [201, keep(type, { ...body, id: randomUUID(), meta: { created: new Date().toISOString() } })];
  }
  const there = type.kept.get(id);
  if (!there) throw new Refusal(404, `there is no ${type.resourceType} ${id}`);
  switch (method) {
    case "GET":
      return [200, there];
    case "PUT":
      return [200, keep(type, { ...body, id, meta: there.meta })];
    case "PATCH": {
      patchBodyValidation(body);
      return [200, keep(type, scimPatch(there, body.Operations, { mutateDocument: false }))];
    }
    case "DELETE":
      type.kept.delete(id);
      return [204];
  }
  throw new Refusal(405, `${method} is not supported here`);
}

async function read(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "the body is not JSON", "invalidSyntax");
  }
}

async function handle(request, response) {
  let status, body;
  try {
    if (request.headers.authorization !== `Bearer ${token}`) throw new Refusal(401, "the token is not valid");
    const url = new URL(request.url, "http://localhost");
    const [, name, id, ...more] = url.pathname.startsWith(base) ? url.pathname.slice(base.length).split("/") : [];
    const type = types[name];
    if (!type || more.length > 0) throw new Refusal(404, `there is no ${url.pathname}`);
    [status, body] = answer(request.method, type, id && decodeURIComponent(id), url.searchParams, await read(request));
  } catch (e) {
    status = e.status ?? (e instanceof ScimError ? 400 : 500);
    body = { schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"], status: String(status), scimType: e.scimType, detail: e.message };
  }
  response.writeHead(status, { "Content-Type": "application/scim+json; charset=utf-8" });
  response.end(body && JSON.stringify(body));
}

listen(createServer(handle), base, () => Object.values(types).forEach((type) => type.kept.clear()));
