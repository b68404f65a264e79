/**
 * The arrows between layers (docs/architecture.md): the middle is pure, effects sit at the edge, and nothing points back.
 * Tests, which start servers and compare implementations, may reach further; what they reach is listed with each rule.
 */

const layers = ['actors', 'projections', 'sandbox', 'gateway', 'cli'];
const tests = '\\.(test|contract)\\.ts$|^(kernel|actors|projections|gateway|sandbox)/testing/';
const outer = '^(bench|test|examples|docs)/';

/** A package is used in one place only. */
const only = (name, packages, places, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { pathNot: [...places, tests, outer] },
  to: { path: packages.map((pkg) => `(^|/)node_modules/${pkg}(/|$)`) },
});

/** A layer's inside is reached through its index.ts, except from the layer itself. */
const entry = (layer) => ({
  name: `${layer}-by-its-entry`,
  comment: `What ${layer} offers to others is in ${layer}/index.ts.`,
  severity: 'error',
  from: { pathNot: [`^${layer}/`, tests, outer] },
  to: { path: `^${layer}/`, pathNot: [`^${layer}/index\\.ts$`] },
});

/** One layer does not know another. */
const apart = (layer, others, comment) => ({
  name: `${layer}-apart`,
  comment,
  severity: 'error',
  from: { path: `^${layer}/`, pathNot: [tests] },
  to: { path: others.map((other) => `^${other}/`) },
});

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Modules that need each other are one idea, or miss one.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing: a missing file or dependency.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependencies-at-run-time',
      comment: 'What runs in production is in dependencies.',
      severity: 'error',
      from: { path: `^(kernel|${layers.join('|')})/`, pathNot: [tests] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    apart('kernel', layers, 'The kernel is domain-free and imports no other layer.'),
    apart('actors', ['projections', 'sandbox', 'gateway', 'cli'], 'Behaviors are pure: they know the kernel only.'),
    apart('projections', ['sandbox', 'gateway', 'cli'], 'Read models know the kernel and the events of the actors.'),
    apart('sandbox', ['projections', 'gateway', 'cli'], 'A worker knows the kernel and what its commands look like.'),
    apart('gateway', ['sandbox', 'cli'], 'The gateway answers; it does not run tasks.'),
    ...['projections', 'gateway'].map(entry),
    {
      name: 'actors-by-their-entry',
      comment:
        'What actors offer is in actors/index.ts, and what they say in the events, plans and inputs of each type.',
      severity: 'error',
      from: { pathNot: ['^actors/', tests, outer] },
      to: { path: '^actors/', pathNot: ['^actors/index\\.ts$', '^actors/[^/]+/(events|input|plan)\\.ts$'] },
    },
    {
      name: 'sandbox-by-its-entry',
      comment: 'What sandbox offers is in sandbox/index.ts.',
      severity: 'error',
      from: { pathNot: ['^sandbox/', tests, outer] },
      to: { path: '^sandbox/', pathNot: ['^sandbox/index\\.ts$'] },
    },
    only('pg-in-one-place', ['pg', 'kysely'], ['^kernel/postgres/'], 'Postgres sits behind the ports of the kernel.'),
    only('nats-in-one-place', ['@nats-io'], ['^kernel/nats/'], 'NATS sits behind the ports of the kernel.'),
    only('http-in-one-place', ['uWebSockets\\.js', '@uwsjs'], ['^gateway/'], 'The HTTP server is the edge.'),
    only('containers-in-one-place', ['dockerode'], ['^sandbox/'], 'Containers belong to the drivers.'),
    only(
      'threads-in-one-place',
      ['piscina'],
      ['^sandbox/', '^cli/'],
      'Threads belong to the drivers, and to parallel replay.',
    ),
    {
      name: 'ports-not-adapters',
      comment:
        'I6: Postgres and NATS are chosen where a process is put together (cli); no way leads to them from a route, a read ' +
        'model or a behavior, because no step of such a way is allowed.',
      severity: 'error',
      from: {
        path: '^(kernel|actors|projections|gateway|sandbox)/',
        pathNot: ['^kernel/(postgres|nats|memory)/', tests],
      },
      to: { path: '^kernel/(postgres|nats|memory)/', dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
