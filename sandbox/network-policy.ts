import { BlockList, isIP, isIPv4 } from 'node:net';
import type { NetworkMode } from './limits.ts';
import { TaskFailure } from './task-failure.ts';

/** What `http` may reach. */
export interface NetworkPolicy {
  /** For tasks that set no `network` limit; `full` by default. */
  readonly default?: NetworkMode;
  /** Hosts of mode `allowlist`: `api.example.com`, `*.example.com`, with `:port` only that port. */
  readonly allow?: readonly string[];
  /** Hosts that may be, or resolve to, private, loopback, link-local or otherwise special addresses; none by default. */
  readonly allowPrivate?: readonly string[];
}

/** Addresses that are not the public internet: IANA's special-purpose registries, and multicast. */
const special = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, with the metadata services of clouds.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  // Unspecified, loopback, IPv4-compatible; IPv4-mapped ones are looked at as what they map.
  ['::', 96],
  // Translated to IPv4: what is behind is not ours to know.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  special.addSubnet(network, prefix, 'ipv6');

const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

/** Whether an address is on the public internet. */
export function isPublicAddress(address: string): boolean {
  const text = address.split('%')[0] as string;
  const match = mapped.exec(text);
  if (match) return isPublicAddress(match[1] ?? dotted(match[2] as string, match[3] as string));
  if (isIP(text) === 0) return false;
  return !special.check(text, isIPv4(text) ? 'ipv4' : 'ipv6');
}

function dotted(high: string, low: string): string {
  const value = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Whether a host with a port is one of these patterns. */
export function hostMatches(host: string, port: number, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const [, name, only] =
      /^(.*?)(?::(\d+))?$/.exec(pattern.includes('::') && !pattern.startsWith('[') ? `[${pattern}]` : pattern) ?? [];
    if (name === undefined || (only !== undefined && Number(only) !== port)) return false;
    const wanted = name.replace(/^\[|\]$/g, '').toLowerCase();
    return wanted.startsWith('*.')
      ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1
      : host === wanted;
  });
}

/** A URL that may be asked, or a reason why not. Its addresses are checked when they are known: {@link checkAddress}. */
export function checkUrl(text: string, mode: NetworkMode, policy: NetworkPolicy, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TaskFailure('url_invalid', `Expected an http or https URL; found "${text.slice(0, 200)}".`, {
      retryable: false,
    });
  if (mode === 'none') throw denied(`This task may not use the network (limits.network is none).`);
  if (mode === 'allowlist' && !hostMatches(hostOf(url), portOf(url), policy.allow ?? []))
    throw denied(`${url.host} is not on the allow-list of this worker.`);
  return url;
}

/** Refuses an address that a host must not have. */
export function checkAddress(url: URL, address: string, policy: NetworkPolicy): void {
  if (isPublicAddress(address) || hostMatches(hostOf(url), portOf(url), policy.allowPrivate ?? [])) return;
  throw denied(`${url.host} is at ${address}, which is not a public address. Allow the host by name to reach it.`);
}

/** The host, without the brackets of an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
export const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80));

const denied = (message: string): TaskFailure => new TaskFailure('network_denied', message, { retryable: false });
