import uws from 'uWebSockets.js';
import type { Clock } from '../kernel/clock.ts';
import type { CommandClient } from '../kernel/edge.ts';
import { AstraError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import type { Projections } from '../projections/index.ts';
import { ApiKeys } from './api-keys.ts';
import { stopGraceMs } from './bounds.ts';
import { Commands } from './commands.ts';
import { Metrics } from './metrics.ts';
import type { ApiKeySource, ArtifactSource, GatewayLog, TaskOutputSource } from './ports.ts';
import { type Probe, Readiness } from './readiness.ts';
import type { Route } from './route.ts';
import { routes } from './routes/index.ts';
import { Server } from './server.ts';
import type { Services } from './services.ts';

export interface GatewayOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly projections: Projections;
  readonly commands: CommandClient;
  readonly keys: ApiKeySource;
  readonly artifacts: ArtifactSource;
  readonly output: TaskOutputSource;
  /** What else readiness needs, by name: rejects when it is not well. */
  readonly probes: Readonly<Record<string, Probe>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: GatewayLog;
}

export interface Gateway {
  readonly port: number;
  /** Takes no more connections, lets what is being answered end, then closes what is open. Asked again, it waits for that. */
  stop(): Promise<void>;
}

/** Starts the HTTP interface. Throws `unavailable` / `port_in_use` when it cannot listen there. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock, projections, log } = options;
  const commands = new Commands(options.commands, clock);
  const metrics = new Metrics();
  const keys = new ApiKeys(options.keys, clock, (cause) =>
    log.warn({ err: cause }, 'the API keys could not be read: those known before stay in force'),
  );
  const readiness = new Readiness(
    {
      keys: () => (keys.isLoaded ? undefined : 'the API keys have not been read yet'),
      nats: () => (commands.isConnected ? undefined : 'NATS is not connected: reads go on, writes are refused'),
      projections: () => lag(projections),
    },
    options.probes,
    clock,
  );
  void projections.level.then(() => {
    readiness.hasRead = true;
  });
  const services: Services = {
    projections,
    commands,
    artifacts: options.artifacts,
    output: options.output,
    readiness,
    metrics,
    streams: new Set(),
    clock,
    random: options.random,
    log,
  };
  const server = new Server(keys, services);
  metrics.gauges([
    { name: 'astra_commands_in_flight', help: 'Commands that wait for answers', value: () => commands.inFlight },
    { name: 'astra_http_requests_open', help: 'Requests that are not answered yet', value: () => server.open },
    { name: 'astra_http_streams', help: 'Open streams', value: () => services.streams.size },
    { name: 'astra_http_body_bytes', help: 'Bodies on their way in', value: () => server.bodies.heldBytes },
    { name: 'astra_projection_events_applied_total', help: 'Events folded', value: () => projections.status().applied },
    { name: 'astra_projection_events_behind', help: 'Events not folded yet', value: () => projections.status().behind },
    { name: 'astra_ready', help: 'Whether /readyz says 200', value: () => (readiness.view().ready ? 1 : 0) },
  ]);

  const app = uws.App();
  register(app, server, metrics);
  const socket = await listen(app, options.host, options.port);
  await Promise.all([keys.start(), readiness.start()]);
  const stop = async (): Promise<void> => {
    uws.us_listen_socket_close(socket);
    keys.stop();
    readiness.stop();
    // A task may write for hours: who follows it comes back to another gateway.
    for (const stream of services.streams) stream.end();
    await server.quiet(stopGraceMs);
    app.close();
  };
  let stopped: Promise<void> | undefined;
  return {
    port: uws.us_socket_local_port(socket),
    stop: () => {
      // Once: the server's memory of what is closed already is gone.
      stopped ??= stop();
      return stopped;
    },
  };
}

const verbs = { GET: 'get', POST: 'post', PATCH: 'patch', DELETE: 'del' } as const;

/** Puts every route on the server, a 405 on every path, and a 404 on all else. */
function register(app: uws.TemplatedApp, server: Server, metrics: Metrics): void {
  const allowed = new Map<string, string[]>();
  for (const route of routes) {
    const pattern = patternOf(route);
    const handler = server.handler(route, metrics.route(route.method, route.path));
    app[verbs[route.method]](pattern, handler);
    if (route.method === 'GET') app.head(pattern, handler);
    const methods = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
    allowed.set(pattern, [...(allowed.get(pattern) ?? []), ...methods]);
  }
  for (const [pattern, methods] of allowed) {
    const allow = methods.join(', ');
    app.any(pattern, (response, request) => {
      const found = request.getCaseSensitiveMethod();
      const error = new AstraError('rejected', 'method_not_allowed', `expected ${allow} here, found ${found}`);
      server.refuse(response, request, error, allow);
    });
  }
  app.any('/*', (response, request) => {
    const path = request.getUrl().slice(0, 200);
    const detail = `there is no route ${request.getCaseSensitiveMethod()} ${path}: /openapi.json lists all`;
    server.refuse(response, request, new AstraError('rejected', 'not_found', detail));
  });
}

const patternOf = ({ path }: Route): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

function listen(app: uws.TemplatedApp, host: string, port: number): Promise<uws.us_listen_socket> {
  return new Promise((resolve, reject) => {
    app.listen(host, port, (socket) => {
      if (socket) resolve(socket);
      else
        reject(
          new AstraError(
            'unavailable',
            'port_in_use',
            `cannot listen on ${host}:${port}: another program may use it; choose another with --port`,
          ),
        );
    });
  });
}

function lag(projections: Projections): string | undefined {
  const { level, scanned, behind } = projections.status();
  if (level) return undefined;
  return scanned < 1
    ? `the log is being read: ${Math.floor(scanned * 100)} %`
    : `a shard is rebuilt: ${behind} events behind`;
}
