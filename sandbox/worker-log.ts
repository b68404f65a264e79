/** Where the worker writes what operators read; pino's loggers fit. */
export interface WorkerLog {
  debug(data: object, message: string): void;
  info(data: object, message: string): void;
  warn(data: object, message: string): void;
  error(data: object, message: string): void;
}
