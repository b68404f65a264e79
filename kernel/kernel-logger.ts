/** Where a kernel writes what operators should see. */
export interface KernelLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
