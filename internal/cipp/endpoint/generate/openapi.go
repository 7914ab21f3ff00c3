package main

import (
	"net/http"
	"slices"
	"strings"

	"syncd/internal/cipp/endpoint"
)

// object is a JSON object whose keys are written in alphabetical order.
type object map[string]any

// openapi describes the API as far as the map knows it. CIPP publishes names
// and no types, so a parameter is a text and a member of a body is anything.
// https://spec.openapis.org/oas/v3.1.1.html
func openapi(all []endpoint.Endpoint) object {
	paths := object{}
	for _, e := range all {
		path := object{}
		for _, method := range e.Methods {
			path[strings.ToLower(method)] = operation(e, method)
		}
		paths[e.Path()] = path
	}
	var tags []object
	for _, c := range endpoint.Categories() {
		tags = append(tags, object{"name": c})
	}
	text := object{"type": "string"}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "CIPP", "version": endpoint.Version,
			"summary":     "The API of the CyberDrain Improved Partner Portal, as its map tells it",
			"description": "Generated from the map of CIPP's endpoints. A 200 can hold a failure in words: read docs/cipp-api.md before relying on a status code.",
		},
		"servers": []object{{"url": "https://{host}", "description": "the API URL of CIPP's page Integrations > CIPP-API, without /api", "variables": object{"host": object{"default": "cipp-api.example.net"}}}},
		"tags":    tags,
		"paths":   paths,
		"security": []object{
			{"entra": []string{}},
		},
		"components": object{
			"securitySchemes": object{"entra": object{
				"type": "oauth2", "description": "Client credentials of an API client, in the partner's own tenant, whose id goes into the tokenUrl in the place of the invented one; the scope is api://<client id>/.default.",
				"flows": object{"clientCredentials": object{"tokenUrl": "https://login.microsoftonline.com/0f3c7a10-5d52-4f0e-8a11-6b1d2f9e4c01/oauth2/v2.0/token", "scopes": object{}}},
			}},
			"schemas": object{
				"Rows": object{"description": "A list, a single object, or an envelope. Empty and null mean no rows.", "anyOf": []any{
					object{"type": "array"}, ref("schemas/Envelope"), object{"type": "object"}, object{"type": "null"},
				}},
				"Envelope": object{"type": "object", "properties": object{
					"Results": object{"description": "rows, one row, a sentence or null"},
					"Metadata": object{"type": []string{"object", "null"}, "properties": object{
						"Queued": object{"type": "boolean"}, "QueueId": text, "QueueMessage": text, "nextLink": text,
					}},
				}},
				"Said": object{"description": "What a write has to say. Success is in the words, not in the status.", "anyOf": []any{
					object{"type": "object", "properties": object{"Results": object{"anyOf": []any{text, object{"type": "array", "items": object{"anyOf": []any{text, ref("schemas/Sentence")}}}, ref("schemas/Sentence")}}}},
					ref("schemas/Sentence"), text, object{"type": "null"},
				}},
				"Sentence": object{"type": "object", "properties": object{
					"resultText": text, "state": object{"type": "string", "enum": []string{"success", "error", "warning", "info"}},
					"copyField": object{"type": "string", "description": "may be a password"},
				}},
				"Picked": object{"type": "object", "description": "as CIPP's own pages send a choice", "properties": object{"value": text, "label": text}},
			},
			"responses": object{
				"Rows":     object{"description": "Rows, or an error in their place", "content": object{"application/json": object{"schema": ref("schemas/Rows")}}},
				"Said":     object{"description": "Sentences of success, of failure, or both", "content": object{"application/json": object{"schema": ref("schemas/Said")}}},
				"Refused":  object{"description": "Text: either CIPP's role check or an error of the tenant's; the beginning of the text tells which", "content": object{"text/plain": object{"schema": text}}},
				"NoToken":  object{"description": "The token was not accepted; no words of CIPP's"},
				"Disabled": object{"description": "The feature is switched off in CIPP (text), or the platform is busy"},
				"Broken":   object{"description": "An exception within the endpoint, as text", "content": object{"text/plain": object{"schema": text}}},
			},
		},
	}
}

func ref(to string) object { return object{"$ref": "#/components/" + to} }

func operation(e endpoint.Endpoint, method string) object {
	tenant, _ := e.TenantParameter()
	answer := "responses/Rows"
	if e.Writes() {
		answer = "responses/Said"
	}
	id := e.Name
	if len(e.Methods) > 1 {
		id += "_" + strings.ToLower(method)
	}
	op := object{
		"operationId": id, "summary": title(e.Name), "tags": []string{e.Category},
		"x-cipp-permission": e.Permission(), "x-cipp-writes": e.Writes(),
		"responses": object{"200": ref(answer), "400": ref("responses/Broken"), "401": ref("responses/NoToken"), "403": ref("responses/Refused"), "500": ref("responses/Broken"), "503": ref("responses/Disabled")},
	}
	if n := notes(e); n != "" {
		op["description"] = "Mind: it " + n + "."
	}
	var parameters []object
	for _, name := range e.Query {
		p := object{"name": name, "in": "query", "schema": object{"type": "string"}}
		if strings.EqualFold(name, tenant.Name) && tenant.In == endpoint.InQuery {
			p["required"] = e.NeedsTenant()
			p["description"] = tenantWords(e, tenant)
		}
		parameters = append(parameters, p)
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if method != http.MethodPost || len(e.Body) == 0 && tenant.In != endpoint.InBody {
		return op
	}
	properties, required := object{}, []string{}
	names := slices.Clone(e.Body)
	if tenant.In == endpoint.InBody && !e.Takes(tenant.Name) {
		names = append(names, tenant.Name)
	}
	for _, name := range names {
		properties[name] = object{}
		if strings.EqualFold(name, tenant.Name) && tenant.In == endpoint.InBody {
			schema := object{"type": "string", "description": tenantWords(e, tenant)}
			if tenant.Form == endpoint.Picked {
				schema = object{"type": "array", "items": ref("schemas/Picked"), "description": tenantWords(e, tenant)}
			}
			properties[name] = schema
			if e.NeedsTenant() {
				required = append(required, name)
			}
		}
	}
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	if e.TakesList() {
		schema = object{"type": "array", "items": schema}
	}
	op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schema}}}
	return op
}

func tenantWords(e endpoint.Endpoint, p endpoint.Parameter) string {
	s := "default domain of the tenant"
	if p.Form == endpoint.ID {
		s = "customerId of the tenant"
	}
	if e.TakesAllTenants() {
		s += ", or AllTenants"
	}
	if e.NeedsTenant() {
		s += "; left out, CIPP answers for the partner's own"
	}
	return s
}
