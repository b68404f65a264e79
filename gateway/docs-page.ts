import { hash } from 'node:crypto';

/** The OpenAPI document, as far as the page reads it. */
export interface Description {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: object;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema?: object }>>;

const style = `
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; text-transform: capitalize }
summary { cursor: pointer; padding: .3rem 0 }
details { border-top: 1px solid #8884 }
details > *:not(summary) { margin-left: 1.2rem }
code, pre { font: 13px/1.45 ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem; background: #8881 }
b { display: inline-block; min-width: 4rem }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }`;

/** What a browser may do with the page: show it, in its one style, and nothing else. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The interface as one page for people: no script, nothing from elsewhere. */
export function docsPage({ info, paths, components }: Description): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag));
    return `<h2>${escaped(tag)}</h2>${own.map(({ path, method, operation }) => operationOf(method, path, operation)).join('\n')}`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${escaped(name)}"><summary><code>${escaped(name)}</code></summary>${shown(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(info.title)} ${escaped(info.version)}</title><style>${style}</style></head>
<body>
<h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
<p>${prose(info.description)} All of it as data: <a href="/openapi.json">/openapi.json</a>.</p>
${sections.join('\n')}
<h2>schemas</h2>
${schemas.join('\n')}
</body>
</html>
`;
}

function operationOf(method: string, path: string, operation: Operation): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const rows = parameters.map(
    ({ name, in: where, required, description: text = '' }) =>
      `<tr><td><code>${escaped(name)}</code><td>${where}${required ? ', required' : ''}<td>${prose(text)}`,
  );
  const answers = Object.entries(responses).map(
    ([status, { description: text, content }]) => `<tr><td>${status}<td>${prose(text)}<td>${contentOf(content)}`,
  );
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${prose(summary)}</summary>
${description === undefined ? '' : `<p>${prose(description)}</p>`}
${rows.length > 0 ? `<table>${rows.join('\n')}</table>` : ''}
${requestBody ? `<p>Body</p>${contentOf(requestBody.content)}` : ''}
<p>Answers</p><table>${answers.join('\n')}</table></details>`;
}

const contentOf = (content: Content = {}): string =>
  Object.entries(content)
    .map(([type, { schema }]) => `<code>${escaped(type)}</code>${schema ? shown(schema) : ''}`)
    .join(' ');

/** A schema as JSON, its references as links. */
const shown = (schema: object): string =>
  `<pre>${escaped(JSON.stringify(schema, null, 2)).replaceAll(/#\/components\/schemas\/(\w+)/g, '<a href="#$1">$1</a>')}</pre>`;

/** Text with `code` in it. */
const prose = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
