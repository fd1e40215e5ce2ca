import { z } from 'zod';
import type { Engine, Keyring } from '../../core/keyring.js';
import { ACTIONS } from '../authorization.js';
import { route, type Route } from '../route.js';
import { rule } from '../views.js';

const keyFormat = z.object({ masked: z.string().describe('How keys look: awx_...'), needsTenant: z.boolean().describe('Whether a key carries its tenant, which must then be given.') });
const lifecycle = z.object({
  gracePeriodMs: z.int().describe('How long a rotated key goes on working, unless said.'),
  maxLifetimeMs: z.int().optional().describe('The longest life of a key.'),
  rotateAfterMs: z.int().describe('The age at which a key should be rotated.'),
  unusedAfterMs: z.int().describe('For how long a key may lie unused.'),
  expiringWithinMs: z.int().describe('How long before its end a key is near it.'),
});

export const settingsView = z.object({
  actor: z.string().describe('Who is asking.'),
  tenantId: z.string().optional().describe('The one tenant whose keys the caller sees; absent for all.'),
  may: z.array(z.enum(ACTIONS)).describe('What the caller may do.'),
  scopes: z.array(z.object({ name: z.string(), implies: z.array(z.string()).describe('Everything that it grants besides itself.') })),
  plans: z.array(z.object({ name: z.string(), limits: z.array(rule) })),
  defaultLimits: z.array(rule).describe('Limits of keys with neither limits nor plan.'),
  environments: z.array(z.string()).describe('Those that a new key may have.'),
  format: keyFormat,
  lifecycle,
  activity: z.boolean().describe('Whether activity is kept.'),
  usage: z.boolean().describe('Whether usage is counted.'),
});

/** What a form for keys needs to know of the keyring and of who fills it in. Holds no secret. */
export function settingsRoutes(keyring: Keyring, engine: Engine): readonly Route[] {
  const { scopes, plans, defaultLimits, environments, lifecycle: life } = engine.context;
  const { maxLifetime } = life;
  const { format } = keyring;
  const known = {
    scopes: scopes.names.map((name) => ({ name, implies: [...scopes.expand([name])].filter((other) => other !== name) })),
    plans: [...plans].map(([name, limits]) => ({ name, limits: [...limits] })),
    defaultLimits: [...defaultLimits],
    environments: [...(format.has.environment ? format.environments : environments)],
    format: { masked: format.mask(''), needsTenant: format.has.tenant },
    lifecycle: {
      gracePeriodMs: life.gracePeriod, rotateAfterMs: life.rotateAfter, unusedAfterMs: life.unusedAfter, expiringWithinMs: life.expiringWithin,
      ...(maxLifetime !== undefined && { maxLifetimeMs: maxLifetime }),
    },
    ...engine.keeps,
  };
  return [
    route({
      method: 'get', path: '/settings', access: 'read', name: 'getSettings', summary: 'What a form for keys needs to know',
      success: { status: 200, description: 'Scopes, plans, environments and rules of the keyring; the caller and its rights.', view: settingsView },
      run: ({ caller }) => ({
        status: 200,
        body: { actor: caller.actor, ...(caller.tenantId !== undefined && { tenantId: caller.tenantId }), may: ACTIONS.filter((action) => caller.may(action)), ...known },
      }),
    }),
  ];
}
