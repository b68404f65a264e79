import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Description, docsPage, docsPolicy } from './docs-page.ts';
import { openApi, routes } from './routes/index.ts';

describe('the page of the interface', () => {
  const page = docsPage(openApi() as Description);

  it('shows every route and every schema', () => {
    for (const { method, path } of routes)
      expect([method, path, page.includes(`<b>${method}</b> <code>${path}</code>`)]).toEqual([method, path, true]);
    for (const name of Object.keys((openApi() as Description).components.schemas))
      expect([name, page.includes(`id="${name}"`)]).toEqual([name, true]);
  });

  it('leads only to what is on it, and to the document', () => {
    const places = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => `#${id}`));
    const links = [...page.matchAll(/ href="([^"]+)"/g)].map(([, href]) => href as string);
    expect(links.filter((link) => link !== '/openapi.json' && !places.has(link))).toEqual([]);
    expect(links.length).toBeGreaterThan(places.size);
  });

  it('is allowed its own style and nothing else', () => {
    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? '';
    expect(docsPolicy).toContain(`style-src 'sha256-${hash('sha256', style, 'base64')}';`);
    expect(docsPolicy).toContain("default-src 'none';");
    expect(page).not.toMatch(/<script|<img|<link|<iframe| style=| on\w+=|url\(/);
  });

  it('shows a text as a text, whatever is in it', () => {
    const text = '<script>alert("1")</script> & `<b>`';
    const described = docsPage({
      info: { title: text, version: 'v1', description: text },
      paths: {
        '/x': { get: { summary: text, tags: [text], parameters: [], responses: { 200: { description: text } } } },
      },
      components: { schemas: { X: { description: text } } },
    });
    expect(described).not.toContain('<script>');
    expect(described).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; <code>&lt;b&gt;</code>');
  });
});
