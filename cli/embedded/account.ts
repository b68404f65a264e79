import { spawnSync } from 'node:child_process';

/** A system account to run a server as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Accounts made for PostgreSQL: by Debian and others, by macOS, and by us where there is none. */
const known = ['postgres', '_postgres', 'astra-postgres'];

/**
 * PostgreSQL refuses to run as root. Answers the account to run it as: one that was made for PostgreSQL, else a system
 * account made now (the tools differ by system), else `nobody`. Only root may ask.
 */
export function postgresAccount(): Account {
  for (const name of known) {
    const account = find(name);
    if (account) return account;
  }
  const created = 'astra-postgres';
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', created]);
  if (!find(created)) spawnSync('adduser', ['-S', '-D', '-H', created]);
  const account = find(created) ?? find('nobody');
  if (!account) throw new Error('expected an account named nobody, found none');
  return account;
}

/** Whether the account can do what a shell command says; the command sees `path` as $1. Access lists and mounts included. */
export function accountCan(account: Account, command: string, path: string): boolean {
  const { uid, gid } = account;
  return spawnSync('/bin/sh', ['-c', command, 'sh', path], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0;
}

function find(name: string): Account | undefined {
  const uid = id('-u', name);
  const gid = id('-g', name);
  return uid === undefined || gid === undefined ? undefined : { name, uid, gid };
}

function id(option: string, name: string): number | undefined {
  const result = spawnSync('id', [option, name], { encoding: 'utf8' });
  return result.status === 0 ? Number(result.stdout.trim()) : undefined;
}
