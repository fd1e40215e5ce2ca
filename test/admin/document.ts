import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
}
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** Compares answers with what the document promises, and notes what has been seen. */
export interface Conformance {
  /** `listKeys 200` and the like. */
  readonly seen: Set<string>;
  /** What is wrong with an answer; empty when it is as promised. */
  complaints(method: string, path: string, answer: { readonly status: number; readonly headers: Record<string, string>; readonly text: string }): string[];
}

export function conformance(document: OpenApi): Conformance {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (formats as unknown as { default: (ajv: Ajv2020) => void }).default(ajv);
  ajv.addSchema({ $id: 'doc', ...document });
  const seen = new Set<string>();
  return {
    seen,
    complaints(method, path, { status, headers, text }) {
      const operation = operationOf(document, method, path);
      if (operation === undefined) return [`no operation for ${method} ${path}`];
      seen.add(`${operation.operationId} ${status}`);
      const promised = operation.responses[status];
      if (promised === undefined) return [`${operation.operationId} does not promise ${status}: ${text}`];
      const type = headers['content-type'] ?? '';
      if (promised.content === undefined) return text === '' ? [] : [`${operation.operationId} ${status} has a body`];
      const schema = promised.content[type]?.schema as { $ref?: string } | undefined;
      if (schema === undefined) return [`${operation.operationId} ${status} does not promise ${type}`];
      // A file, which no schema describes.
      if (schema.$ref === undefined) return [];
      const validate = ajv.getSchema(`doc${schema.$ref}`) as ValidateFunction;
      return validate(JSON.parse(text)) ? [] : [`${operation.operationId} ${status}: ${ajv.errorsText(validate.errors)}`];
    },
  };
}

function operationOf({ paths }: OpenApi, method: string, path: string): Operation | undefined {
  const [plain = ''] = path.split('?');
  // OpenAPI 3.1 §4.8.8: a path without a template goes before one with.
  if (paths[plain]?.[method] !== undefined) return paths[plain][method];
  for (const [pattern, operations] of Object.entries(paths)) {
    if (new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain)) return operations[method];
  }
  return undefined;
}
