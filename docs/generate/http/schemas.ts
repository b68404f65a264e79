import { code, table } from '../markdown.ts';
import type { Schema } from './document.ts';

/** Inline objects with more fields than this get a table of their own. */
const fieldsInLineMax = 5;
const positionPattern = '^\\d+:\\d+$';

/** A schema as people read it; names link to their sections. */
export function typeText(schema: Schema): string {
  if (schema.$ref) return linkTo(nameOf(schema.$ref));
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) return alternatives.map(typeText).join(' or ');
  if (schema.type === undefined) return 'any JSON';
  return [schema.type]
    .flat()
    .map((type) => oneType(type, schema))
    .join(' or ');
}

function oneType(type: string, schema: Schema): string {
  switch (type) {
    case 'string':
      return stringText(schema);
    case 'integer':
      return `whole number${rangeText(schema)}`;
    case 'array':
      return `list of ${schema.items ? typeText(schema.items) : 'anything'}${schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`}`;
    case 'object':
      return objectText(schema);
    default:
      return type;
  }
}

function stringText({ format, pattern, maxLength }: Schema): string {
  if (format === 'date-time') return 'time';
  if (pattern === positionPattern) return 'position';
  if (pattern) return `text ${code(pattern)}`;
  return maxLength === undefined ? 'text' : `text, at most ${maxLength} characters`;
}

function rangeText({ minimum, maximum }: Schema): string {
  if (minimum === undefined || maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) return '';
  return ` ${minimum} to ${maximum}`;
}

function objectText({ properties, required = [], additionalProperties, propertyNames }: Schema): string {
  if (properties) {
    const fields = Object.entries(properties);
    if (fields.length === 0) return code('{}');
    if (fields.length > fieldsInLineMax) return 'objects, below';
    return `{ ${fields.map(([name, inner]) => `${name}${required.includes(name) ? '' : '?'}: ${typeText(inner)}`).join('; ')} }`;
  }
  if (typeof additionalProperties === 'object')
    return `object of ${typeText(additionalProperties)}${propertyNames?.$ref ? ` by ${typeText(propertyNames)}` : ''}`;
  return 'object';
}

const nameOf = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1);
const pageOf = /^(\w+)Page$/;

function linkTo(name: string): string {
  if (name === 'Json') return 'any JSON';
  const item = pageOf.exec(name)?.[1];
  return item === undefined ? `[${name}](#${name.toLowerCase()})` : `page of [${item}](#${item.toLowerCase()})`;
}

/** Whether a named schema gets a section: pages and any JSON are said where they are used. */
export const isSection = (name: string): boolean => name !== 'Json' && !pageOf.test(name);

/** A named schema: its fields, its values or its forms. */
export function schemaBlocks(name: string, schema: Schema): readonly string[] {
  const said = schema.description === undefined ? [] : [`${schema.description}.`];
  const forms = schema.oneOf ?? schema.anyOf;
  if (forms) return [`### ${name}`, ...said, ...forms.flatMap(fieldTables)];
  if (schema.properties) return [`### ${name}`, ...said, ...fieldTables(schema)];
  return [`### ${name}`, ...said, `${typeText(schema)}.`];
}

/** The fields of an object, and those of the objects in it that are too large for a line. */
export function fieldTables({ properties = {}, required = [] }: Schema): readonly string[] {
  const fields = Object.entries(properties);
  const own = table(
    ['field', 'type', 'meaning'],
    fields.map(([field, schema]) => [
      `${code(field)}${required.includes(field) ? '' : '?'}`,
      typeText(schema),
      [meaningOf(schema), defaultText(schema)].filter((text) => text !== '').join('; '),
    ]),
  );
  const large = fields.flatMap(([field, schema]) => {
    const inner = schema.items ?? schema;
    return Object.keys(inner.properties ?? {}).length > fieldsInLineMax
      ? [`Each of ${code(field)}:`, ...fieldTables(inner)]
      : [];
  });
  return [own, ...large];
}

/** What a type says by itself is not said twice. */
const meaningOf = (schema: Schema): string =>
  schema.format === 'date-time' || schema.pattern === positionPattern ? '' : (schema.description ?? '');

const defaultText = (schema: Schema): string =>
  schema.default === undefined ? '' : `default ${code(JSON.stringify(schema.default))}`;
