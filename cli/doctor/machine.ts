import { existsSync, statfsSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { diskFreeBytesMin } from '../bounds.ts';
import { type Config, unknownVariables } from '../config.ts';
import { checkVersion, dataPaths, holderOf, readableByOthers } from '../data-directory.ts';
import { natsBinary } from '../embedded/nats-binary.ts';
import { gatewayPort } from '../listen-check.ts';
import { bytes } from '../view/duration.ts';
import { bad, type Finding, failed, ok, skipped, warning } from './finding.ts';

/** What this machine and its settings are like: no server is asked. */
export async function machineFindings(config: Config): Promise<readonly Finding[]> {
  return [node(), memory(), settingsFinding(config), ...dataDirectory(config), await port(config), natsServer(config)];
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fits = major === 22 && minor >= 18;
  return fits
    ? ok('node', `Node.js ${process.versions.node}`)
    : bad(
        'node',
        `Node.js ${process.versions.node}, expected 22.18 or later of the 22 line`,
        'run bin/astra, which finds the right one, or make setup',
      );
}

function memory(): Finding {
  return ok('memory', `${bytes(freemem())} free of ${bytes(totalmem())}`);
}

function settingsFinding(config: Config): Finding {
  const unknown = unknownVariables();
  const file = config.file ? `${config.file}, ` : '';
  const given = Object.values(config.sources).filter((source) => source !== 'default');
  if (unknown.length > 0)
    return warning('settings', `no setting is named ${unknown.join(', ')}`, 'mend the name, or unset the variable');
  return ok('settings', given.length > 0 ? `${file}set: ${given.join(', ')}` : 'all defaults');
}

function dataDirectory({ dataDir }: Config): readonly Finding[] {
  const name = 'data directory';
  try {
    checkVersion(dataDir);
  } catch (error) {
    return [failed(name, error, 'run the Astra that wrote it, or choose another --data-dir')];
  }
  const findings: Finding[] = [];
  const exists = existsSync(dataDir);
  const holder = holderOf(dataDir);
  findings.push(
    ok(
      name,
      exists
        ? `${dataDir}${holder === undefined ? ', not in use' : `, in use by astra up (process ${holder})`}`
        : `${dataDir} will be made`,
    ),
  );
  for (const path of [dataPaths(dataDir).apiKey, dataPaths(dataDir).natsUsers, dataPaths(dataDir).running])
    if (readableByOthers(path))
      findings.push(bad('secrets', `${path} can be read by other users`, `chmod 600 ${path}`));
  let place = dataDir;
  while (!existsSync(place)) place = dirname(place);
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  findings.push(
    free < diskFreeBytesMin
      ? warning('disk', `${bytes(free)} free at ${place}`, 'make room: Postgres stops when the disk is full')
      : ok('disk', `${bytes(free)} free`),
  );
  return findings;
}

async function port(config: Config): Promise<Finding> {
  if (holderOf(config.dataDir) !== undefined || config.url !== undefined)
    return skipped('port', 'a gateway is running');
  try {
    return ok('port', `${await gatewayPort(config.host, config.port)} on ${config.host} is free`);
  } catch (error) {
    return failed('port', error, 'stop the program that has it, or choose another with --port');
  }
}

function natsServer(config: Config): Finding {
  if (config.natsUrl) return skipped('nats-server', 'NATS_URL is given');
  try {
    return ok('nats-server', natsBinary());
  } catch (error) {
    return failed('nats-server', error, 'run make setup');
  }
}
