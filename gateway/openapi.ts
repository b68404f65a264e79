import { z } from 'zod';
import type { Parameter, ResponseDoc, Route } from './route.ts';
import { problemDocumentSchema } from './schemas/values.ts';

type Schema = { readonly [key: string]: unknown };

/**
 * Describes routes as an OpenAPI 3.1 document: paths, parameters, bodies and answers, from the schemas that validate and
 * the declarations that serve.
 */
export function describe(routes: readonly Route[]): object {
  const components = new Components();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method.toLowerCase()] = operation(route, components);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Astra',
      version: 'v1',
      description:
        'The control plane for autonomous agents. A write is committed when its answer is read; `Astra-Position` says where, and a read with `Astra-After` waits for it. Problems are RFC 9457 with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: components.schemas(),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key of an org: `astra keys create`' },
      },
    },
    security: [{ key: [] }],
  };
}

function operation(route: Route, components: Components): object {
  const body = route.kind === 'write' ? route.body : undefined;
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.tag],
    ...(route.scope === 'open' ? { security: [] } : { description: `Takes a key with scope \`${route.scope}\`.` }),
    parameters: [
      ...route.params.map(pathParameter),
      ...queryParameters(route.query, components),
      ...headersOf(route).map((name) => headers[name]),
    ],
    ...(body
      ? {
          requestBody: {
            required: !body.isOptional,
            content: { 'application/json': { schema: components.reference(body.schema, 'input') } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.responses).map(([status, doc]) => [status, response(doc, route, components)]),
      ),
      default: {
        description: 'A problem',
        content: { 'application/problem+json': { schema: components.reference(problemDocumentSchema, 'output') } },
      },
    },
  };
}

const pathParameter = ({ name, description, pattern }: Parameter): object => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string', pattern },
});

function queryParameters(query: z.ZodType, components: Components): object[] {
  const { properties = {}, required = [] } = components.inline(query, 'input') as {
    properties?: Record<string, Schema>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: 'query',
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

const headers = {
  'Astra-After': {
    name: 'Astra-After',
    in: 'header',
    description: 'A position: the answer reflects it, or is 504 `position_timeout`',
    schema: { type: 'string', pattern: '^\\d+:\\d+$' },
  },
  'Astra-Wait': {
    name: 'Astra-Wait',
    in: 'header',
    description: 'Milliseconds to wait for that position',
    schema: { type: 'integer', minimum: 0, maximum: 10_000, default: 2000 },
  },
  'If-None-Match': { name: 'If-None-Match', in: 'header', schema: { type: 'string' } },
  'Idempotency-Key': {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'A repeat of a success under the same key returns the same answer',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  Range: { name: 'Range', in: 'header', schema: { type: 'string' } },
} as const;

function headersOf(route: Route): readonly (keyof typeof headers)[] {
  if (route.scope === 'open') return [];
  if (route.kind === 'write') return route.refusesKey === undefined ? ['Idempotency-Key'] : [];
  const waits = ['Astra-After', 'Astra-Wait'] as const;
  if (route.kind === 'read') return [...waits, 'If-None-Match'];
  return 206 in route.responses ? ['If-None-Match', 'Range'] : waits;
}

function response(doc: ResponseDoc, route: Route, components: Components): object {
  const schema = doc.schema ? components.reference(doc.schema, 'output') : undefined;
  const types = [doc.mediaType ?? (schema ? 'application/json' : undefined), doc.alsoAs].filter(
    (type) => type !== undefined,
  );
  const content = types.map((type) => [type, type === 'application/json' && schema ? { schema } : {}] as const);
  return {
    description: doc.description,
    ...(route.kind === 'write'
      ? {
          headers: {
            'Astra-Position': {
              description: 'Where it was committed: `<shard>:<seq>`',
              schema: { type: 'string' },
            },
          },
        }
      : {}),
    ...(content.length > 0 ? { content: Object.fromEntries(content) } : {}),
  };
}

/** The schemas that have a name, each described once. */
class Components {
  readonly #schemas = new Map<string, Schema>();

  /** A schema as its use says it: a reference where it has a name. */
  reference(schema: z.ZodType, io: 'input' | 'output'): Schema {
    const { $schema: _, $defs, ...rest } = this.inline(schema, io);
    const id = z.globalRegistry.get(schema)?.id;
    if (id === undefined) return rest;
    // With a name of its own, a schema is among its definitions, and `rest` is but a reference to it.
    if (!this.#schemas.has(id)) this.#schemas.set(id, rest);
    return { $ref: `#/components/schemas/${id}` };
  }

  inline(schema: z.ZodType, io: 'input' | 'output'): Schema {
    const json = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ jsonSchema }) => {
        // Names are for components, not a part of what a value looks like.
        delete jsonSchema.id;
      },
    }) as { $defs?: Record<string, Schema> };
    for (const [id, definition] of Object.entries(json.$defs ?? {}))
      if (!anyJson.test(id)) this.#schemas.set(id, moved(definition) as Schema);
    return moved(json) as Schema;
  }

  schemas(): Readonly<Record<string, Schema>> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** How zod names what refers to itself and has no name: of all our schemas, any JSON alone. */
const anyJson = /^__schema\d+$/;

/** References point into the document's components; any JSON is one of them. */
function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string' ? componentOf(item.replace('#/$defs/', '')) : moved(item),
    ]),
  );
}

const componentOf = (name: string): string => `#/components/schemas/${anyJson.test(name) ? 'Json' : name}`;
