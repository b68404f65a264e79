import { expect, describe as suite, test } from 'vitest';
import { z } from 'zod';
import { describe } from './openapi.ts';
import { routes } from './routes/index.ts';

type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};

type Content = Readonly<Record<string, { readonly schema?: object }>>;

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema?: object }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

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

  test('describes what goes into each route and what comes out of it', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, ...(operation as unknown as Operation) })),
    );
    for (const { path, method, parameters, responses, requestBody } of operations) {
      const where = `${method} ${path}`;
      const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
      expect([where, path.match(/\{\w+\}/g) ?? []]).toEqual([where, inPath]);
      expect([where, parameters.filter(({ schema }) => !schema)]).toEqual([where, []]);
      expect([where, Object.keys(requestBody?.content ?? {})]).toEqual([
        where,
        method === 'post' || method === 'patch' ? ['application/json'] : [],
      ]);
      const answers = Object.entries(responses);
      expect(answers.length).toBeGreaterThan(1);
      for (const [status, { description, content = {} }] of answers) {
        expect([where, status, description]).not.toContain('');
        expect([where, status, Object.keys(content).length]).not.toContain(0);
        for (const [type, { schema }] of Object.entries(content))
          if (type.endsWith('json') && path !== '/openapi.json')
            expect([where, status, schema]).not.toContain(undefined);
      }
    }
    const keyless = operations.filter(
      ({ method, parameters }) => method !== 'get' && !parameters.some(({ name }) => name === 'Idempotency-Key'),
    );
    expect(keyless.map(({ path }) => path)).toEqual(['/v1/dead-letters/redrive']);
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
