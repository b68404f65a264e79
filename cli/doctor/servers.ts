import { openPostgresLog } from '../../kernel/postgres/index.ts';
import { doctorTimeoutMs } from '../bounds.ts';
import { clientOf } from '../client.ts';
import type { Config } from '../config.ts';
import { running } from '../data-directory.ts';
import { natsGreeting } from '../nats-greeting.ts';
import { redactUrl } from '../secret.ts';
import { bad, type Finding, failed, ok, skipped, warning } from './finding.ts';

/** What the servers say that are configured, or that run here. */
export async function serverFindings(config: Config): Promise<readonly Finding[]> {
  const here = running(config.dataDir);
  const databaseUrl = config.databaseUrl?.reveal() ?? here?.databaseUrl;
  const natsUrl = config.natsUrl?.reveal() ?? here?.natsUrl;
  const [database, nats, gateway] = await Promise.all([
    databaseUrl === undefined ? [skipped('postgres', 'embedded, not running')] : postgres(databaseUrl),
    natsUrl === undefined ? skipped('nats', 'embedded, not running') : natsServer(natsUrl),
    here === undefined && config.url === undefined
      ? [skipped('gateway', 'no astra up runs on this data directory, and no --url is given')]
      : gatewayFindings(config),
  ]);
  return [...database, nats, ...gateway];
}

async function postgres(url: string): Promise<readonly Finding[]> {
  const shown = redactUrl(url);
  try {
    const log = await openPostgresLog(url, 'astra-doctor');
    try {
      const meta = await log.meta();
      const heads = await log.heads();
      const owned = heads.filter(({ owner }) => owner !== null).length;
      const events = heads.reduce((sum, { seq }) => sum + seq, 0);
      return [
        ok('postgres', `${shown}: durable, schema of this version, ${events} events`),
        owned === heads.length
          ? ok('shards', `all ${heads.length} owned, generation ${meta.generation}`)
          : warning(
              'shards',
              `${heads.length - owned} of ${heads.length} have no owner`,
              'start a kernel: astra up, or astra kernel',
            ),
      ];
    } finally {
      await log.close();
    }
  } catch (error) {
    return [failed('postgres', error, `check that ${shown} is right and the server runs; astra up migrates`)];
  }
}

async function natsServer(url: string): Promise<Finding> {
  const shown = redactUrl(url);
  try {
    const { version, messageBytesMax } = await natsGreeting(url);
    return ok('nats', `${shown}: NATS ${version} with JetStream, messages up to ${messageBytesMax} bytes`);
  } catch (error) {
    return failed('nats', error, `check that ${shown} is right and the server runs with JetStream (nats-server -js)`);
  }
}

async function gatewayFindings(config: Config): Promise<readonly Finding[]> {
  const client = clientOf(config);
  const findings: Finding[] = [];
  try {
    const ready = await client.raw('GET', '/readyz', { signal: AbortSignal.timeout(doctorTimeoutMs) });
    const said = (await ready.text()).slice(0, 500);
    findings.push(
      ready.ok
        ? ok('gateway', `${client.url} is ready`)
        : bad('gateway', `${client.url} is not ready: ${said}`, 'the reason names the part: see its log in astra up'),
    );
  } catch (error) {
    return [failed('gateway', error, 'start one with astra up, or name it with --url')];
  }
  try {
    await client.get('/v1/stats');
    findings.push(ok('api key', 'accepted'));
    const { items } = await client.list('/v1/workers', { status: 'active', limit: 500 });
    findings.push(
      items.length > 0
        ? ok(
            'workers',
            items
              .map((worker) => `${worker['id']} (${[worker['drivers']].flat().join(', ') || 'no drivers'})`)
              .join(', '),
          )
        : warning('workers', 'none is active: tasks wait', 'start one: astra worker'),
    );
  } catch (error) {
    findings.push(failed('api key', error, 'give one with --api-key or ASTRA_API_KEY; astra keys create makes one'));
  }
  return findings;
}
