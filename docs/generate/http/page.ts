import {
  bodyBytesMax,
  commandTimeoutMs,
  goalBodyBytesMax,
  idempotencyKeyMax,
  jsonDepthMax,
  keysRefreshMs,
  limitDefault,
  limitMax,
  waitDefaultMs,
  waitMaxMs,
} from '../../../gateway/bounds.ts';
import { blocks, bytesText, code, generatedMark, list, type Page, spanText, table } from '../markdown.ts';
import { description, type Located, operationsOf, type ParameterDoc, type Schema } from './document.ts';
import { fieldTables, isSection, schemaBlocks, typeText } from './schemas.ts';

/** The interface over HTTP, from the routes that serve it. */
export function httpPage(): Page {
  const document = description();
  const operations = operationsOf(document);
  const tags = [...new Set(operations.flatMap((operation) => operation.tags))];
  const text = blocks(
    generatedMark,
    '# The HTTP interface',
    'JSON in and out, UTF-8; times are RFC 3339 with milliseconds, ids and positions are text. A gateway describes itself at `GET /openapi.json` (OpenAPI 3.1), from the same declarations that this page and its validation are made from.',
    '## Conventions',
    list(conventions),
    ...tags.flatMap((tag) =>
      tagBlocks(
        tag,
        operations.filter((operation) => operation.tags.includes(tag)),
      ),
    ),
    '## Schemas',
    'A field with `?` may be absent. Answers may get more fields; a body may have no others. A time is RFC 3339 with milliseconds, in UTC; a position is `<shard>:<seq>` of an event; a page is `{ items, nextCursor }`, with null at the end of the list. What the fields of agents, goals, plans and messages mean is told once, with their [publications](nats.md#publishing-in).',
    ...Object.entries(document.components.schemas)
      .filter(([name]) => isSection(name))
      .flatMap(([name, schema]) => schemaBlocks(name, schema)),
  );
  return { file: 'http.md', text };
}

const conventions: readonly string[] = [
  `**Who**: ${code('Authorization: Bearer <API key>')}. A key belongs to an org and has scopes; ${code('admin')} includes ${code('read')} and ${code('write')}. Gateways know of new and revoked keys within ${spanText(keysRefreshMs)}. No other header is believed about who asks.`,
  `**Problems** are ${code('application/problem+json')} (RFC 9457) with a stable ${code('code')}: [errors.md](errors.md). Every answer has ${code('Astra-Request-Id')}, under which the gateway’s log has it.`,
  `**Writes** are committed when their answer is read; ${code('Astra-Position')} says where. An answer that does not come within ${spanText(commandTimeoutMs)} is 504 ${code('outcome_unknown')}: repeat with the same key.`,
  `**${code('Idempotency-Key')}** (1 to ${idempotencyKeyMax} visible ASCII characters) on any write but a redrive by filter, which refuses it: a repeat of a success gets the same answer, with ${code('Idempotent-Replayed: true')}, also when both arrive at once; another request under the same key is 422 ${code('idempotency_key_reused')}. A refusal is not remembered. Keys belong to the org and the path; for what they create they hold for ever, otherwise for ${code('ASTRA_IDEMPOTENCY_DAYS')}.`,
  `**Reads** are answered from memory. ${code('Astra-After: <position>')} waits until the answer reflects that write, at most ${code('Astra-Wait')} ms (${waitDefaultMs} by default, ${waitMaxMs} at most), else 504 ${code('position_timeout')}. ${code('ETag')} and ${code('If-None-Match')} give 304. What ended long ago leaves memory: 307 to a history route, which is [not there yet](architecture.md#what-is-not-there-yet).`,
  `**Lists** are ${code('{ items, nextCursor }')}, newest first; ${code('limit')} is 1 to ${limitMax} (${limitDefault} by default). A cursor is valid on every gateway, and the list is stable while items arrive. A page may have fewer items than asked for and still have a cursor.`,
  `**Bodies**: ${bytesText(bodyBytesMax)}, ${bytesText(goalBodyBytesMax)} for goals, nested at most ${jsonDepthMax} deep. Unknown fields and query parameters are 422. ${code('traceparent')} is stored with every event that follows.`,
];

const scopeOf = ({ security, description: said }: Located): string =>
  security?.length === 0 ? 'open' : (/`(\w+)`/.exec(said ?? '')?.[1] ?? '');

/** The routes of a tag in a table, then what its lists are filtered by and its larger bodies. */
function tagBlocks(tag: string, operations: readonly Located[]): readonly string[] {
  return [
    `## ${tag[0]?.toUpperCase()}${tag.slice(1)}`,
    table(
      ['route', 'scope', 'what', 'body', 'answer'],
      operations.map((operation) => [
        code(titleOf(operation)),
        scopeOf(operation),
        operation.summary,
        bodyText(operation),
        answersText(operation),
      ]),
    ),
    ...operations.flatMap(queryBlocks),
    ...operations.flatMap(bodyBlocks),
  ];
}

const titleOf = ({ method, path }: Located): string => `${method} ${path}`;

const bodyOf = ({ requestBody }: Located): Schema | undefined => requestBody?.content['application/json']?.schema;

const isLarge = (schema: Schema | undefined): schema is Schema =>
  schema !== undefined && typeText(schema) === 'objects, below';

function bodyText(operation: Located): string {
  const body = bodyOf(operation);
  if (!body) return '';
  const text = isLarge(body) ? 'below' : typeText(body);
  return operation.requestBody?.required ? text : `${text}, or none`;
}

const bodyBlocks = (operation: Located): readonly string[] => {
  const body = bodyOf(operation);
  return isLarge(body) ? [`Body of ${code(titleOf(operation))}:`, ...fieldTables(body)] : [];
};

const answersText = ({ responses }: Located): string =>
  Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, { content = {} }]) => {
      const parts = Object.entries(content).map(([type, { schema }]) => (schema ? typeText(schema) : code(type)));
      return [status, parts.join(' or ')].filter((text) => text !== '').join(' ');
    })
    .join('<br>');

function queryBlocks(operation: Located): readonly string[] {
  const own = operation.parameters.filter((parameter) => parameter.in === 'query' && !paging.has(parameter.name));
  if (own.length === 0) return [];
  return [`${code(titleOf(operation))} takes ${own.map(parameterText).join('; ')}.`];
}

const paging = new Set(['limit', 'cursor']);

const parameterText = ({ name, schema, description: said }: ParameterDoc): string =>
  `${code(name)} (${typeText(schema)}${said === undefined ? '' : `: ${said}`})`;
