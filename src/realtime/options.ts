import { bearer, header } from '../http/credentials.js';
import type { ApiKeyAuthOptions, Entrance, RefusalOptions } from '../http/options.js';
import { subprotocol } from '../http/subprotocol.js';

/** Options of `authenticateUpgrade`: those of `apiKeyAuth`, but for what concerns responses of handlers. */
export interface UpgradeOptions<Scope extends string = string> extends Omit<ApiKeyAuthOptions<Scope>, 'headers' | 'refusals'> {
  readonly refusals?: Pick<RefusalOptions, 'messages' | 'render'>;
}

export const UPGRADES: Entrance = {
  path: 'authenticateUpgrade',
  names: ['credentials', 'required', 'tenant', 'environment', 'scopes', 'anonymousLimits', 'cost', 'clientIp', 'requireHttps', 'stripCredential', 'refusals'],
  refusals: ['messages', 'render'],
  // A page can send no header of its own with an upgrade.
  sources: [header('X-API-Key'), bearer(), subprotocol()],
  upgrade: true,
};
