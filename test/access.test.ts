import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkAccess, compileAccess, type AccessRules } from '../src/core/access/access.js';
import { isKeystileError } from '../src/core/errors.js';

const whole: AccessRules = {
  endpoints: { allow: ['GET /orders/:id'] },
  ips: { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] },
  origins: ['https://app.example.com', '*.example.org'],
  realtime: false,
};

describe('checkAccess', () => {
  it('gives a copy that nobody can change', () => {
    const input = structuredClone(whole) as { ips: { allow: string[] } };
    const checked = checkAccess(input, 'access');
    input.ips.allow.push('0.0.0.0/0');
    expect(checked).toEqual(whole);
    for (const part of [checked, checked.endpoints, checked.ips, checked.ips?.allow, checked.ips?.deny, checked.origins]) expect(Object.isFrozen(part)).toBe(true);
    expect(Object.isFrozen((checked.endpoints as { allow: readonly string[] }).allow)).toBe(true);
  });

  it('leaves out what is not set', () => {
    expect(Object.keys(checkAccess({ ips: undefined, realtime: true, endpoints: { deny: [], allow: undefined } }, 'access'))).toEqual(['endpoints', 'realtime']);
    expect(checkAccess({}, 'access')).toEqual({});
  });

  it.each<[string, unknown, string, string]>([
    ['null', null, 'invalid_option', 'access'],
    ['a list', [], 'invalid_option', 'access'],
    ['an unknown name', { ip: {} }, 'unknown_option', 'access.ip'],
    ['a prototype', JSON.parse('{"__proto__":{"ips":{}}}'), 'unknown_option', 'access.__proto__'],
    ['realtime as text', { realtime: 'false' }, 'invalid_option', 'access.realtime'],
    ['ips as null', { ips: null }, 'invalid_option', 'access.ips'],
    ['ips as a list', { ips: ['10.0.0.1'] }, 'invalid_option', 'access.ips'],
    ['a misspelt list', { ips: { alow: [] } }, 'unknown_option', 'access.ips.alow'],
    ['a list that is text', { ips: { allow: '10.0.0.1' } }, 'invalid_option', 'access.ips.allow'],
    ['a list that is null', { ips: { deny: null } }, 'invalid_option', 'access.ips.deny'],
    ['a bad address', { ips: { allow: ['10.0.0.1', '10.0.0.2', '10/8'] } }, 'invalid_ip_rule', 'access.ips.allow[2]'],
    ['a number', { ips: { deny: [167772161] } }, 'invalid_ip_rule', 'access.ips.deny[0]'],
    ['a hole', { ips: { allow: [, '10.0.0.1'] } }, 'invalid_ip_rule', 'access.ips.allow[0]'],
    ['a long rule', { origins: ['a'.repeat(513)] }, 'invalid_origin_rule', 'access.origins[0]'],
    ['a bad origin', { origins: ['https://a.com', 'https://a.com/x'] }, 'invalid_origin_rule', 'access.origins[1]'],
    ['an unknown word for origins', { origins: 'none' }, 'invalid_option', 'access.origins'],
    ['origins as an object', { origins: {} }, 'invalid_option', 'access.origins'],
    ['a bad endpoint', { endpoints: { deny: ['GETT /x'] } }, 'invalid_endpoint_rule', 'access.endpoints.deny[0]'],
    ['an unknown word for endpoints', { endpoints: 'some' }, 'invalid_option', 'access.endpoints'],
    ['endpoints without a list', { endpoints: {} }, 'invalid_option', 'access.endpoints'],
    ['endpoints with both lists', { endpoints: { allow: [], deny: [] } }, 'invalid_option', 'access.endpoints'],
    ['endpoints as a list', { endpoints: ['/x'] }, 'invalid_option', 'access.endpoints'],
    ['too many rules', { ips: { allow: Array.from({ length: 1_001 }, () => '10.0.0.1') } }, 'invalid_option', 'access.ips.allow'],
  ])('refuses %s', (_what, input, code, option) => {
    expect(() => checkAccess(input, 'access')).toThrow(expect.objectContaining({ code, option }));
    expect(() => compileAccess(input as AccessRules)).toThrow(expect.objectContaining({ code, option }));
  });

  it('takes a thousand rules of 512 characters', () => {
    const rule = `/${'a'.repeat(511)}`;
    expect(checkAccess({ endpoints: { deny: Array.from({ length: 1_000 }, () => rule) } }, 'access').endpoints).toHaveProperty('deny.length', 1_000);
  });

  it('reads each value once: what was checked is what is kept', () => {
    let reads = 0;
    const input = { ips: { get allow() { return reads++ === 0 ? ['10.0.0.1'] : ['0.0.0.0/0']; } } };
    expect(checkAccess(input, 'access')).toEqual({ ips: { allow: ['10.0.0.1'] } });
  });

  it('answers any JSON with a copy or with an error of its own', () => {
    const rule = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('10.0.0.0/8', '::/0', '*.a.com', 'GET /a/:b', '/{', '/*a/*b', '::ffff:1.2.3.4/99'), fc.jsonValue());
    const list = fc.oneof(fc.array(rule, { maxLength: 4 }), fc.jsonValue());
    const lists = fc.oneof(fc.record({ allow: list, deny: list }, { requiredKeys: [] }), list);
    fc.assert(
      fc.property(fc.record({ ips: lists, endpoints: lists, origins: list, realtime: fc.jsonValue() }, { requiredKeys: [] }), (input) => {
        try {
          const checked = checkAccess(input, 'access');
          expect(checkAccess(checked, 'access')).toEqual(checked);
        } catch (error) {
          expect([error, isKeystileError(error)]).toEqual([error, true]);
          expect((error as Error).message.length).toBeLessThan(2_000);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('compileAccess', () => {
  it('restricts nothing without rules', () => {
    const free = { ips: undefined, origins: undefined, endpoints: undefined, realtime: true };
    expect(compileAccess(undefined)).toEqual(free);
    expect(compileAccess({})).toEqual(free);
    expect(compileAccess({ endpoints: 'all', ips: {}, origins: 'all', realtime: true })).toEqual(free);
  });

  it('asks each kind of rule', () => {
    const { ips, origins, endpoints, realtime } = compileAccess(whole);
    expect([ips?.('10.0.0.2'), ips?.('10.0.0.1'), ips?.(undefined)]).toEqual([true, false, false]);
    expect([origins?.({ origin: 'https://a.example.org', referer: undefined, browser: true }), origins?.({ origin: undefined, referer: undefined, browser: false })]).toEqual([true, false]);
    expect([endpoints?.('GET', '/orders/1'), endpoints?.('POST', '/orders/1'), endpoints?.(undefined, '/orders/1')]).toEqual([true, false, false]);
    expect(realtime).toBe(false);
  });

  it('allows nothing by an empty list', () => {
    const { ips, origins, endpoints } = compileAccess({ ips: { allow: [] }, origins: [], endpoints: { allow: [] } });
    expect(ips?.('10.0.0.1')).toBe(false);
    expect(origins?.({ origin: 'https://a.com', referer: undefined, browser: true })).toBe(false);
    expect(endpoints?.('GET', '/')).toBe(false);
  });
});
