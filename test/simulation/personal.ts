/** What of a text, input, result or error is somebody's: where it is kept it must not be found again. */
export const secret = 'nobody else is to know this';

/** Whether it can be read there by whoever has no key. */
export const reveals = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(secret);
