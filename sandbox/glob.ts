/** Whether a relative path matches a glob: `*` and `?` within a part, `**` over parts, `{a,b}` one of several. */
export function globMatches(glob: string, path: string): boolean {
  return compile(glob).test(path);
}

const compiled = new Map<string, RegExp>();

function compile(glob: string): RegExp {
  let pattern = compiled.get(glob);
  if (!pattern) {
    pattern = new RegExp(`^${translate(glob)}$`, 'u');
    if (compiled.size > 1000) compiled.clear();
    compiled.set(glob, pattern);
  }
  return pattern;
}

function translate(glob: string): string {
  let out = '';
  let braces = 0;
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i] as string;
    if (char === '*' && glob[i + 1] === '*') {
      i++;
      // `**/` also stands for no directory at all.
      if (glob[i + 1] === '/') {
        i++;
        out += '(?:[^/]+/)*';
      } else out += '.*';
    } else if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (char === '{' && glob.includes('}', i)) {
      braces++;
      out += '(?:';
    } else if (char === '}' && braces > 0) {
      braces--;
      out += ')';
    } else if (char === ',' && braces > 0) out += '|';
    else out += char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return out + ')'.repeat(braces);
}
