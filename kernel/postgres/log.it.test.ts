import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { Log } from '../log.ts';
import { makeDatabase, type TestDatabase } from '../testing/database.ts';
import { logContract } from '../testing/log.contract.ts';
import { migrate, openPostgresLog } from './index.ts';

describe('the log on Postgres', () => {
  let template: TestDatabase;
  beforeAll(async () => {
    template = await makeDatabase(inject('databaseUrl'));
    await migrate(template.url);
  });
  afterAll(() => template?.drop());

  logContract(async () => {
    const database = await makeDatabase(inject('databaseUrl'), template);
    const opened: Log[] = [];
    const another = async (): Promise<Log> => {
      const log = await openPostgresLog(database.url, 'test');
      opened.push(log);
      return log;
    };
    return {
      log: await another(),
      another,
      end: async () => {
        await Promise.all(opened.map((log) => log.close()));
        await database.drop();
      },
    };
  });
});
