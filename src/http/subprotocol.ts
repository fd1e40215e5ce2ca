import { ConfigurationError } from '../core/errors.js';
import type { CredentialSource } from './credentials.js';
import { headerLines, rewriteHeader } from './raw-request.js';

const NAME = 'sec-websocket-protocol';

/**
 * The key as one of the protocols that a WebSocket client offers (RFC 6455 §4.1), the one thing besides the address that a page
 * can choose: `keystile.` and the key. It must be offered beside a real protocol, for the server to choose that one.
 *
 * @example
 * ```ts
 * new WebSocket('wss://api.example.com/live', ['chat.v1', `keystile.${key}`]);
 * ```
 */
export function subprotocol(prefix = 'keystile.'): CredentialSource {
  if (typeof prefix !== 'string' || !/^[\w!#$%&'*+.^`|~-]{1,64}$/.test(prefix)) throw new ConfigurationError('invalid_option', 'credentials', 'subprotocol() needs a prefix that a protocol name may have');
  return {
    kind: 'subprotocol',
    read: (req) => headerLines(req, NAME).flatMap(offers).filter((offer) => offer.startsWith(prefix)).map((offer) => offer.slice(prefix.length)),
    strip: (req) => {
      rewriteHeader(req, NAME, (line) => {
        const all = offers(line);
        const others = all.filter((offer) => !offer.startsWith(prefix));
        if (others.length === all.length) return line;
        return others.length === 0 ? undefined : others.join(', ');
      });
    },
  };
}

const offers = (line: string): readonly string[] => line.split(',').map((offer) => offer.trim());
