import { COOKIE_MAX_AGE } from './contract.js';
import { cookieValues } from './cookieValues.js';
import type { Page } from './page.js';
import { parentDomains } from './parentDomains.js';

/** First-party cookies, shared by all hosts of the registrable domain. */
export interface CookieJar {
  read(name: string): string[];
  write(name: string, value: string): void;
  remove(name: string): void;
}

const PROBE = 'footfallProbe';

/** Where cookies are forbidden (a sandboxed frame) reading gives nothing and writing does nothing. */
export function createCookieJar({
  document,
  location,
}: Pick<Page, 'document' | 'location'>): CookieJar {
  let domain: string | undefined;

  function set(name: string, value: string, maxAge: number, on: string): void {
    const secure = location.protocol === 'https:' ? '; Secure' : '';
    const scope = on && `; domain=${on}`;
    try {
      document.cookie = `${name}=${value}; path=/; max-age=${maxAge}; SameSite=Lax${scope}${secure}`;
    } catch {
      // a SecurityError: the page has no cookies at all
    }
  }

  function read(name: string): string[] {
    try {
      return cookieValues(document.cookie, name);
    } catch {
      return [];
    }
  }

  /**
   * The shortest parent on which this browser keeps a cookie is the registrable domain: it refuses public suffixes
   * (`co.uk`, `github.io`) by its own list. To ship that list would cost 40 times our size and be older every day.
   */
  function shared(): string {
    const found = parentDomains(location.hostname).find((candidate) => {
      set(PROBE, '1', 60, candidate);
      const kept = read(PROBE).length > 0;
      set(PROBE, '', 0, candidate);
      return kept;
    });
    return found ?? '';
  }

  function onDomain(): string {
    domain ??= shared();
    return domain;
  }

  return {
    read,
    write: (name, value) => set(name, value, COOKIE_MAX_AGE, onDomain()),
    remove: (name) => {
      set(name, '', 0, '');
      set(name, '', 0, onDomain());
    },
  };
}
