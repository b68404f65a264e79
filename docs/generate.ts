import { writeFileSync } from 'node:fs';
import { generatedPages } from './generate/pages.ts';

/** Writes the pages of docs/ that come from the code; test/docs.test.ts holds them level. */
for (const { file, text } of await generatedPages()) {
  writeFileSync(new URL(file, import.meta.url), text);
  process.stdout.write(`docs/${file}\n`);
}
