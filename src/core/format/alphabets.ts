import { randomBytes } from 'node:crypto';

const DIGITS = '0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';

/** Alphabets that a placeholder may name. */
export const ALPHABETS: ReadonlyMap<string, string> = new Map([
  ['hex', DIGITS + 'abcdef'],
  ['base32', LOWER + '234567'],
  ['base58', '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'],
  ['base62', DIGITS + UPPER + LOWER],
  ['base64url', UPPER + LOWER + DIGITS + '-_'],
]);

/** What a tenant id may be made of where it stands in a key. */
export const TENANT_ALPHABET = UPPER + LOWER + DIGITS + '_-';

/** Where random bytes come from; `crypto.randomBytes` unless a test says otherwise. */
export type RandomSource = (size: number) => Uint8Array;

export const systemRandom: RandomSource = (size) => randomBytes(size);

/** `length` characters of the alphabet, each equally likely: bytes that would favour some characters are thrown away. */
export function randomText(alphabet: string, length: number, random: RandomSource): string {
  const fair = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length + 16)) {
      if (byte < fair && text.length < length) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
