import { expect, describe as suite, test } from 'vitest';
import { z } from 'zod';
import { describe } from './openapi.ts';
import { routes } from './routes/index.ts';

type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

const document = JSON.parse(JSON.stringify(describe(routes))) as Document;

/** Every reference in a value. */
function references(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === '$ref' ? [String(item)] : references(item)));
}

suite('the OpenAPI document', () => {
  test('describes every route once', () => {
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
  });

  test('says what each schema is, and refers to nothing that is not there', () => {
    const { schemas } = document.components;
    const empty = Object.entries(schemas).filter(([, schema]) => Object.keys(schema).join() === '$ref');
    expect(empty).toEqual([]);
    const missing = references(document).filter((to) => !schemas[to.replace('#/components/schemas/', '')]);
    expect(missing).toEqual([]);
    expect(schemas['Goal']).toMatchObject({ type: 'object', properties: { counts: {}, status: {} } });
  });

  test('names any JSON, and has no schema without a name of ours', () => {
    expect(Object.keys(document.components.schemas).filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
    // Should a schema of ours ever refer to itself, it needs a name: without one it would be taken for any JSON.
    const unnamed = routes.flatMap((route) => ('body' in route && route.body ? [route.body.schema] : []));
    for (const schema of unnamed) {
      const { $defs = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
        $defs?: Record<string, { anyOf?: unknown[] }>;
      };
      for (const [name, definition] of Object.entries($defs))
        if (name.startsWith('__')) expect(definition.anyOf, name).toHaveLength(6);
    }
  });
});
