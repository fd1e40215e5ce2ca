import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { isIP, isIPv6 } from 'node:net';
import { readAddress } from '../src/core/access/address.js';
import { compileIps, limitAddress } from '../src/core/access/ips.js';

const allows = (rules: string[], address: string | undefined): boolean | undefined => compileIps({ allow: rules }, 'ips')?.(address);
const refuses = (rule: string): (() => unknown) => () => compileIps({ allow: [rule] }, 'ips');

/** Every way a family's number may be written. */
const dotted = (bits: bigint): string => [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
const groups = (bits: bigint): string[] => Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
const full = (bits: bigint): string => groups(bits).join(':');
const spellings6 = (bits: bigint): string[] => [
  full(bits),
  full(bits).toUpperCase(),
  groups(bits).map((group) => group.padStart(4, '0')).join(':'),
  ipaddr.IPv6.parse(full(bits)).toRFC5952String(),
  `${groups(bits).slice(0, 6).join(':')}:${dotted(bits & 0xffffffffn)}`,
];
const spellings4 = (bits: bigint): string[] => [dotted(bits), ...spellings6((0xffffn << 32n) | bits), `::ffff:${dotted(bits)}`];

/** A network, and an address that differs from it in few bits, so that both answers are common. */
const cases = (width: number) =>
  fc
    .record({
      base: fc.bigInt(0n, (1n << BigInt(width)) - 1n),
      prefix: fc.integer({ min: 0, max: width }),
      flips: fc.array(fc.integer({ min: 0, max: width - 1 }), { maxLength: 2 }),
      spelling: fc.nat(),
    })
    .map(({ base, prefix, flips, spelling }) => {
      const free = BigInt(width - prefix);
      return { network: (base >> free) << free, prefix, free, spelling, address: flips.reduce((bits, flip) => bits ^ (1n << BigInt(flip)), base) };
    });
const pick = (list: string[], index: number): string => list[index % list.length] ?? '';

describe('compileIps against a bit-by-bit model', () => {
  it('agrees for IPv4, however the address is spelt', () => {
    fc.assert(
      fc.property(cases(32), ({ network, prefix, free, address, spelling }) => {
        const expected = address >> free === network >> free;
        const text = pick(spellings4(address), spelling);
        expect([text, allows([`${dotted(network)}/${String(prefix)}`], text)]).toEqual([text, expected]);
        expect(allows([`::ffff:${dotted(network)}/${String(prefix + 96)}`], text)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees for IPv6, however address and rule are spelt', () => {
    const isMapped = (bits: bigint): boolean => bits >> 32n === 0xffffn;
    fc.assert(
      fc.property(cases(128), fc.nat({ max: 3 }), ({ network, prefix, free, address, spelling }, ruleSpelling) => {
        fc.pre(!isMapped(address) && !isMapped(network));
        const text = pick(spellings6(address), spelling);
        const rule = `${pick(spellings6(network), ruleSpelling)}/${String(prefix)}`;
        expect([rule, text, allows([rule], text)]).toEqual([rule, text, address >> free === network >> free]);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees for many rules of both kinds at once', () => {
    fc.assert(
      fc.property(fc.array(cases(32), { maxLength: 12 }), fc.array(cases(32), { maxLength: 6 }), fc.nat(), (allow, deny, which) => {
        const address = [...allow, ...deny][which % Math.max(1, allow.length + deny.length)]?.address ?? 1n;
        const inAny = (list: typeof allow): boolean => list.some(({ network, free }) => address >> free === network >> free);
        const rules = (list: typeof allow): string[] => list.map(({ network, prefix }) => `${dotted(network)}/${String(prefix)}`);
        const check = compileIps({ allow: rules(allow), deny: rules(deny) }, 'ips');
        expect(check?.(dotted(address))).toBe(inAny(allow) && !inAny(deny));
      }),
    );
  });
});

describe('readAddress', () => {
  it('reads exactly what net.isIP accepts, and never throws', () => {
    const nearly = fc.stringMatching(/^[0-9a-fA-F:.%]{0,42}$/);
    const valid = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended());
    fc.assert(
      fc.property(fc.oneof(nearly, valid, fc.string()), (text) => {
        fc.pre(!text.includes('%'));
        expect([text, readAddress(text) !== undefined]).toEqual([text, isIP(text) !== 0]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes no two units for one character', () => {
    expect(readAddress('d800:dc00::1')).toHaveLength(8);
    expect(() => compileIps({ allow: ['d800:dc00::1/64'] }, 'ips')).toThrow("the network is 'd800:dc00::/64'");
    expect(compileIps({ allow: ['d800:dc00::/32'] }, 'ips')?.('d800:dc00:1::7')).toBe(true);
  });

  it('reads every IPv6 text as ipaddr.js does, mixed notations aside', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(isIPv6(text) && !text.includes('.'));
        const { parts } = ipaddr.IPv6.parse(text);
        const key = readAddress(text) ?? '';
        expect(Array.from({ length: key.length }, (_, index) => key.charCodeAt(index))).toEqual(key.length === 2 ? parts.slice(6) : parts);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('client addresses', () => {
  it.each([undefined, '', 'unknown', '10.0.0', '010.0.0.1', '10.0.0.1 ', '167772161', '0x0a000001', '10.0.0.1:80', '[::1]', '10.0.0.1/8', '1'.repeat(100_000), ':'.repeat(100_000), '::ffff:10.0.0.1%eth0'])(
    'refuses unreadable address %# under any rules',
    (address) => {
      expect(compileIps({ allow: ['0.0.0.0/0', '::/0'] }, 'ips')?.(address)).toBe(false);
      expect(compileIps({ deny: ['192.0.2.1'] }, 'ips')?.(address)).toBe(false);
    },
  );

  it('takes no mapped address for IPv6, and no compatible one for IPv4', () => {
    expect(allows(['::/0'], '::ffff:10.0.0.1')).toBe(false);
    expect(allows(['0.0.0.0/0'], '::ffff:10.0.0.1')).toBe(true);
    expect(allows(['0.0.0.0/0'], '::10.0.0.1')).toBe(false);
    expect(allows(['10.0.0.1'], '64:ff9b::10.0.0.1')).toBe(false);
  });

  it('ignores the zone of a link-local address and refuses any other with one', () => {
    expect(allows(['fe80::/10'], 'fe80::1%eth0')).toBe(true);
    expect(compileIps({ deny: ['fe80::1'] }, 'ips')?.('fe80::1%eth0')).toBe(false);
    expect(allows(['::/0'], '2001:db8::1%eth0')).toBe(false);
  });

  it('answers each address for itself when they alternate', () => {
    const check = compileIps({ allow: ['10.0.0.0/8'] }, 'ips');
    const asked = ['10.0.0.1', '11.0.0.1', '11.0.0.1', undefined, '10.0.0.1', 'junk', '10.0.0.1', '11.0.0.1'];
    expect(asked.map((address) => check?.(address))).toEqual([true, false, false, false, true, false, true, false]);
  });
});

describe('lists', () => {
  it('restrict nothing when absent or when there is nothing to deny, and everything when nothing is allowed', () => {
    expect(compileIps({}, 'ips')).toBeUndefined();
    expect(compileIps({ deny: [] }, 'ips')).toBeUndefined();
    expect(allows([], '10.0.0.1')).toBe(false);
    expect(compileIps({ allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] }, 'ips')?.('10.0.0.1')).toBe(false);
  });

  it('hold a thousand networks', () => {
    const rules = Array.from({ length: 1_000 }, (_, index) => `10.${String(index >> 8)}.${String(index & 255)}.0/25`);
    const check = compileIps({ allow: rules }, 'ips');
    expect(Array.from({ length: 1_000 }, (_, index) => check?.(`10.${String(index >> 8)}.${String(index & 255)}.127`)).every(Boolean)).toBe(true);
    expect(Array.from({ length: 1_000 }, (_, index) => check?.(`10.${String(index >> 8)}.${String(index & 255)}.128`)).some(Boolean)).toBe(false);
  });
});

describe('rules', () => {
  it.each(['010.0.0.1', '10/8', '10.0.0/24', '167772161', '0x7f.1', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/255.0.0.0', '2001:db8::/129', 'fe80::1%eth0', 'fe80::%eth0/10', '::1.2.3.4', '::ffff:0:0/90', ' 10.0.0.1', '10.0.0.1\n', '*', '', 'example.com', '١.1.1.1', '[::1]', '10.0.0.1:80', '10.0.0.1-10.0.0.9'])(
    'refuses %j',
    (rule) => {
      expect(refuses(rule)).toThrow(expect.objectContaining({ code: 'invalid_ip_rule', option: 'ips.allow[0]' }));
    },
  );

  it('name the network that was meant', () => {
    expect(refuses('10.1.2.3/8')).toThrow("the network is '10.0.0.0/8'");
    expect(refuses('2001:db8::1/32')).toThrow("the network is '2001:db8::/32'");
    expect(refuses('::ffff:10.1.2.3/104')).toThrow("the network is '10.0.0.0/8'");
    expect(refuses('::1.2.3.4')).toThrow("write '::102:304'");
  });
});

describe('limitAddress', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['0:0:0:0:0:FFFF:cb00:7109', '203.0.113.9'],
    ['2001:db8:0:ffff::1', '2001:db8:0:ff00::/56'],
    ['2001:0DB8::ffff:1:2:3', '2001:db8::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
    ['::1', '::/56'],
    [undefined, undefined],
    ['010.0.0.1', undefined],
    ['', undefined],
  ])('of %s is %s', (address, name) => {
    expect(limitAddress(address)).toBe(name);
  });

  it('is one name for a /56, however it is spelt, and another for the next', () => {
    fc.assert(
      fc.property(fc.bigInt(1n << 64n, (1n << 128n) - 1n), fc.bigInt(0n, (1n << 72n) - 1n), fc.nat(), (bits, host, spelling) => {
        const neighbour = ((bits >> 72n) << 72n) | host;
        expect(limitAddress(pick(spellings6(neighbour), spelling))).toBe(limitAddress(full(bits)));
        expect(limitAddress(full(bits ^ (1n << 72n)))).not.toBe(limitAddress(full(bits)));
      }),
    );
  });
});
