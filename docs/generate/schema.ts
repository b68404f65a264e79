import { z } from 'zod';
import { code, details, json, table } from './markdown.ts';

/** The part of JSON Schema that zod writes for our inputs. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly $ref?: string;
}

export interface Described {
  /** What the field means, by name: every field of the schema has to be here, and nothing else. */
  readonly meanings: Readonly<Record<string, string>>;
  /** The least valid input: what it becomes tells the defaults. */
  readonly least: Readonly<Record<string, unknown>>;
}

/** A body as people read it: a table of its fields, and its JSON Schema. Throws when a field has no meaning written down. */
export function bodyTable(schema: z.ZodType, { meanings, least }: Described): string {
  const described = jsonSchemaOf(schema) as Schema;
  const fields = Object.keys(described.properties ?? {});
  const unsaid = fields.filter((name) => meanings[name] === undefined);
  const unknown = Object.keys(meanings).filter((name) => !fields.includes(name));
  if (unsaid.length + unknown.length > 0)
    throw new Error(
      `expected a meaning of each field and no other: lacks ${unsaid.join(', ') || 'none'}, too many ${unknown.join(', ') || 'none'}`,
    );
  const filled = schema.parse(least) as Readonly<Record<string, unknown>>;
  const rows = fields.map((name) => {
    const isRequired = described.required?.includes(name) === true;
    const fallback = filled[name] === undefined || name in least ? '' : code(JSON.stringify(filled[name]));
    return [
      code(name),
      typeText(described.properties?.[name] as Schema, described),
      isRequired ? 'required' : fallback,
      meanings[name] as string,
    ];
  });
  return [
    table(['field', 'type', 'default', 'meaning'], rows),
    details('JSON Schema', json(jsonSchemaOf(schema))),
  ].join('\n\n');
}

/** Any JSON, which zod spells out as a schema that refers to itself. */
const anyJson = /^#\/\$defs\/__schema\d+$/;

/** The JSON Schema of an input, without what says nothing: "any JSON" is `{}` and long patterns of formats go. */
export function jsonSchemaOf(schema: z.ZodType): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null) return value;
    const of = value as Readonly<Record<string, unknown>>;
    const entries = Object.entries(of)
      .filter(([key]) => key !== '$defs')
      .filter(([key, inner]) => !(key === '$ref' && anyJson.test(String(inner))))
      .filter(([key]) => !(key === 'pattern' && of['format'] !== undefined))
      .filter(([key, inner]) => !(key === 'maximum' && inner === Number.MAX_SAFE_INTEGER))
      .map(([key, inner]) => [key, plain(inner)]);
    return Object.fromEntries(entries);
  };
  return plain(z.toJSONSchema(schema, { io: 'input' }));
}

function typeText(of: Schema, root: Schema): string {
  if (of.enum) return of.enum.map((value) => code(JSON.stringify(value))).join(', ');
  if (of.anyOf) return of.anyOf.map((one) => typeText(one, root)).join(' or ');
  if (of.type === undefined) return 'any JSON';
  const types = [of.type].flat();
  return types.map((type) => oneType(type, of, root)).join(' or ');
}

function oneType(type: string, of: Schema, root: Schema): string {
  switch (type) {
    case 'string':
      if (of.format === 'date-time') return 'time (RFC 3339)';
      if (of.pattern) return `text ${code(of.pattern)}`;
      return of.maxLength === undefined ? 'text' : `text, at most ${of.maxLength} characters`;
    case 'integer':
      return `whole number${rangeText(of)}`;
    case 'array':
      return `list of ${of.items ? typeText(of.items, root) : 'anything'}${of.maxItems === undefined ? '' : `, at most ${of.maxItems}`}`;
    case 'object':
      if (of.properties && of.additionalProperties === false) return 'object';
      return typeof of.additionalProperties === 'object' && of.additionalProperties.type
        ? `object of ${typeText(of.additionalProperties, root)}`
        : 'object';
    default:
      return type;
  }
}

function rangeText({ minimum, maximum }: Schema): string {
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined && most !== undefined) return `, ${minimum} to ${most}`;
  return minimum === undefined ? '' : `, from ${minimum}`;
}
