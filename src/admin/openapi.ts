import { z } from 'zod';
import { pathParameters } from './routing.js';
import type { Route } from './route.js';
import { settingsView } from './routes/settings.js';
import * as inputs from './schemas.js';
import * as observed from './observed.js';
import * as views from './views.js';

type Json = Record<string, unknown>;

/** Schemas that the document names, so that they stand in it once. */
const NAMED = {
  CreateKey: inputs.createInput, UpdateKey: inputs.updateInput, RotateKey: inputs.rotateInput, RegenerateSlot: inputs.regenerateInput, RevokeKey: inputs.revokeInput,
  Nothing: inputs.noInput, ExplainRequest: inputs.explainInput,
  ApiKey: views.apiKeyView, CreatedKey: views.createdView, Succession: views.successionView, KeyList: views.listView, CallingKey: views.meView, Explanation: views.explanationView,
  Usage: observed.usageView, TopKeys: observed.topView, Activity: observed.activityView,
  Settings: settingsView, Problem: views.problemView,
} as const;

const REFERENCE = '#/components/schemas/';
const NAMES: ReadonlyMap<z.ZodType, string> = new Map(Object.entries(NAMED).map(([name, schema]) => [schema, name]));

const STATUSES: Readonly<Record<number, string>> = {
  400: 'The body is no JSON, or a header cannot be read.',
  401: 'Nobody is signed in, or the key is not valid.',
  403: 'Not allowed; also for API keys and for pages of other sites.',
  404: 'There is no such key, or none within your sight.',
  409: 'Done before, taken, or already ended; code tells which.',
  412: 'The key has been changed in the meantime.',
  413: 'The body is longer than 100 kB.',
  415: 'The body is not said to be JSON.',
  422: 'Input that is not valid; errors names each field.',
  428: 'If-Match is missing.',
  429: 'The calling key has spent its limits.',
  503: 'The store, or whoever says who is acting, gave no answer.',
};

const HEADERS: Readonly<Record<'ETag' | 'Location', Json>> = {
  ETag: { description: 'The version of the key.', schema: { type: 'string' } },
  Location: { description: 'Where the key is managed.', schema: { type: 'string' } },
};

/** The OpenAPI 3.1 document of these routes; `server` is the path at which they stand. */
export function documentOf(routes: readonly Route[], server: string): Json {
  const paths: Record<string, Json> = {};
  for (const it of routes) {
    const path = it.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[it.method] = operationOf(it);
  }
  return {
    openapi: '3.1.1',
    info: { title: 'API key management', version: '1.0.0', description: 'Issues, shows, changes and ends API keys. Times are RFC 3339; a plaintext key is shown once, when it is made.' },
    ...(server !== '' && { servers: [{ url: server }] }),
    paths,
    components: { schemas: componentsOf() },
  };
}

function componentsOf(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(NAMED)) registry.add(schema, { id: name });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => REFERENCE + id, io: 'input' });
  // Identity and dialect of each are those of the document.
  return Object.fromEntries(Object.entries(schemas).map(([name, { $id: _id, $schema: _dialect, ...schema }]) => [name, schema]));
}

function operationOf({ name, summary, success, body, ...it }: Route): Json {
  const headers = Object.fromEntries((success.headers ?? []).map((header) => [header, HEADERS[header]]));
  return {
    operationId: name,
    summary,
    parameters: parametersOf(it),
    ...(body !== undefined && { requestBody: { required: true, content: { 'application/json': { schema: reference(body) } } } }),
    responses: {
      [success.status]: { description: success.description, headers, ...contentOf(success) },
      ...Object.fromEntries(statusesOf({ body, ...it }).map((status) => [status, { description: STATUSES[status], content: { 'application/problem+json': { schema: reference(NAMED.Problem) } } }])),
    },
  };
}

function contentOf({ view, types }: Route['success']): Json {
  if (view !== undefined) return { content: { 'application/json': { schema: reference(view) } } };
  return types === undefined ? {} : { content: Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }])) };
}

function statusesOf({ access, body, query, ifMatch, problems = [] }: Pick<Route, 'access' | 'ifMatch' | 'problems'> & { readonly body: unknown; readonly query?: unknown }): number[] {
  const of = (holds: boolean, ...statuses: number[]): number[] => (holds ? statuses : []);
  const all = [
    ...of(access !== 'public', 401, 403, 429, 503), ...of(body !== undefined, 400, 413, 415, 422), ...of(query !== undefined, 422),
    ...of(ifMatch !== undefined, 400, 412), ...of(ifMatch === 'needed', 428), ...problems,
  ];
  return [...new Set(all)].sort((a, b) => a - b);
}

function parametersOf({ path, query, ifMatch, idempotent }: Pick<Route, 'path' | 'query' | 'ifMatch' | 'idempotent'>): Json[] {
  const text = { type: 'string' };
  return [
    ...pathParameters(path).map((name) => ({ name, in: 'path', required: true, schema: name === 'slot' ? { enum: ['primary', 'secondary'] } : text })),
    ...(query === undefined ? [] : queryParameters(query)),
    ...(ifMatch === undefined ? [] : [{ name: 'If-Match', in: 'header', required: ifMatch === 'needed', description: 'The ETag of the key as you have seen it, or * for any.', schema: text }]),
    ...(idempotent === true ? [{ name: 'Idempotency-Key', in: 'header', description: 'A repeat with the same value makes no second key and gets 409 with the id of the first.', schema: { ...text, maxLength: 255 } }] : []),
  ];
}

function queryParameters(query: z.ZodType): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', ...(required.includes(name) && { required: true }), schema }));
}

function reference(schema: z.ZodType): Json {
  const name = NAMES.get(schema);
  if (name === undefined) throw new Error('a schema of the document has no name');
  return { $ref: REFERENCE + name };
}
