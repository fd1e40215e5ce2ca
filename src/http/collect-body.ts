import type { HostRequest } from './types.js';

/**
 * The bytes of a body. `'too_large'` as soon as there are more than `maxBytes`: the rest is left to flow by, for Node discards it once
 * the answer is out. `'gone'` when the client has left before the end.
 */
export function collectBody(req: HostRequest, maxBytes: number): Promise<Buffer | 'too_large' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (result: Buffer | 'too_large' | 'gone'): void => {
      req.off('data', take).off('end', end).off('close', left).off('error', left);
      resolve(result);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      req.resume();
      done('too_large');
    };
    const end = (): void => {
      done(Buffer.concat(chunks));
    };
    const left = (): void => {
      done('gone');
    };
    req.on('data', take).on('end', end).on('close', left).on('error', left);
  });
}
