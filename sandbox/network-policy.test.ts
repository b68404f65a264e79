import { describe, expect, test } from 'vitest';
import { checkAddress, checkUrl, hostMatches, isPublicAddress } from './network-policy.ts';

const denied = expect.objectContaining({ code: 'network_denied', retryable: false });

describe('isPublicAddress', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '::FFFF:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'fd00:ec2::254',
    'not an address',
    '',
  ])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.32.0.1',
    '192.169.0.1',
    '100.128.0.1',
    '2606:4700:4700::1111',
    '::ffff:8.8.8.8',
    '::ffff:808:808',
  ])('%s is', (address) => expect(isPublicAddress(address)).toBe(true));
});

describe('hosts', () => {
  test('match by name, by domain, with a port or without', () => {
    expect(hostMatches('api.example.com', 443, ['api.example.com'])).toBe(true);
    expect(hostMatches('api.example.com', 443, ['API.example.com:443'])).toBe(true);
    expect(hostMatches('api.example.com', 80, ['api.example.com:443'])).toBe(false);
    expect(hostMatches('a.b.example.com', 443, ['*.example.com'])).toBe(true);
    expect(hostMatches('example.com', 443, ['*.example.com'])).toBe(false);
    expect(hostMatches('badexample.com', 443, ['*.example.com', 'example.com'])).toBe(false);
    expect(hostMatches('::1', 8080, ['::1'])).toBe(true);
    expect(hostMatches('::1', 8080, ['[::1]:8080'])).toBe(true);
    expect(hostMatches('::1', 8080, ['[::1]:80'])).toBe(false);
  });

  test('a mode of none denies, an allow-list denies what is not on it', () => {
    expect(() => checkUrl('https://example.com/', 'none', {})).toThrow(denied);
    expect(() => checkUrl('https://example.com/', 'allowlist', {})).toThrow(denied);
    expect(checkUrl('https://example.com/x', 'allowlist', { allow: ['example.com'] }).pathname).toBe('/x');
    expect(checkUrl('https://example.com/', 'full', {}).hostname).toBe('example.com');
  });

  test('only http and https are URLs here, also in a redirect', () => {
    for (const text of ['file:///etc/passwd', 'ftp://example.com', 'gopher://x', 'no url', 'javascript:1'])
      expect(() => checkUrl(text, 'full', {})).toThrow(expect.objectContaining({ code: 'url_invalid' }));
    const base = new URL('https://example.com/a/b');
    expect(checkUrl('../c', 'full', {}, base).href).toBe('https://example.com/c');
    expect(() => checkUrl('file:///etc/passwd', 'full', {}, base)).toThrow(
      expect.objectContaining({ code: 'url_invalid' }),
    );
  });

  test('a private address is denied unless its host is allowed by name', () => {
    const url = new URL('http://internal.example.com:8080/');
    expect(() => checkAddress(url, '10.0.0.5', {})).toThrow(denied);
    expect(() => checkAddress(url, '10.0.0.5', { allowPrivate: ['internal.example.com:80'] })).toThrow(denied);
    checkAddress(url, '10.0.0.5', { allowPrivate: ['internal.example.com:8080'] });
    checkAddress(url, '93.184.216.34', {});
  });

  test('other spellings of a loopback address are that address', () => {
    for (const text of [
      'http://0x7f.1/',
      'http://2130706433/',
      'http://127.1/',
      'http://[::ffff:127.0.0.1]/',
      'http://0177.0.0.1/',
    ]) {
      const url = checkUrl(text, 'full', {});
      expect(() => checkAddress(url, url.hostname.replace(/^\[|\]$/g, ''), {})).toThrow(denied);
    }
  });
});
