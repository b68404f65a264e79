import { createServer } from 'node:net';
import { unavailableError, usageError } from './exit-code.ts';

/**
 * The port the gateway can have on this address: `wanted`, or a free one for 0. Throws `port_in_use`, and
 * `address_invalid` when this machine has no such address.
 */
export function gatewayPort(host: string, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE')
        reject(
          unavailableError(
            'port_in_use',
            `port ${wanted} on ${host} is in use by another program: stop that one, or choose another with --port.`,
            cause,
          ),
        );
      else if (cause.code === 'EACCES')
        reject(
          usageError(
            'port_forbidden',
            `this account may not listen on port ${wanted}: choose one above 1023 with --port.`,
            cause,
          ),
        );
      else
        reject(
          usageError(
            'address_invalid',
            `${host} is no address of this machine (${cause.code}): choose another with --host.`,
            cause,
          ),
        );
    });
    server.listen({ host, port: wanted, exclusive: true }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : wanted;
      server.close(() => resolve(port));
    });
  });
}
