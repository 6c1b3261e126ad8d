import type { Page } from './page.js';
import { wellFormed } from './wellFormed.js';
import type { WirePage } from './wire.js';

/** The page and the browser as they are now. */
export function describePage({ document, location, navigator, screen }: Page): WirePage {
  return {
    href: location.href,
    referrer: document.referrer,
    title: wellFormed(document.title),
    language: navigator.language || '',
    languages: navigator.languages || [],
    platform: navigator.platform || '',
    screen: {
      width: screen.width,
      height: screen.height,
      availWidth: screen.availWidth,
      availHeight: screen.availHeight,
      pixelDepth: screen.pixelDepth,
      colorDepth: screen.colorDepth,
    },
  };
}
