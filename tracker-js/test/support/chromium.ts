/** The system's Chromium. A browser that playwright would download is none: machines here install their own. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const path = process.env.CHROMIUM ?? PLACES.find(existsSync);

/** Why the tests cannot run here, or false. In CI a missing browser is a failure, so there it is no reason to skip. */
export const skip =
  path || process.env.CI === 'true'
    ? false
    : 'no Chromium here: install Debian’s `chromium`, or set CHROMIUM';

/** Every host name leads to this machine, so that cookies of real domains can be tried. */
export function launch(): Promise<Browser> {
  if (!path)
    throw new Error('no Chromium, and CI=true: install Debian’s `chromium`, or set CHROMIUM');
  return chromium.launch({
    executablePath: path,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * 127.0.0.1',
    ],
  });
}
