import type { Page } from './page.js';

const KEY = 'footfallSequence';

/** Numbers the events of one tab from 1, across its pages; across one page where the tab keeps no storage. */
export function createSequence(page: Pick<Page, 'sessionStorage'>): () => number {
  let last = 0;
  return () => {
    last = Math.max(last, stored(page)) + 1;
    store(page, last);
    return last;
  };
}

function stored(page: Pick<Page, 'sessionStorage'>): number {
  try {
    return Number(page.sessionStorage.getItem(KEY)) || 0;
  } catch {
    return 0;
  }
}

function store(page: Pick<Page, 'sessionStorage'>, last: number): void {
  try {
    page.sessionStorage.setItem(KEY, String(last));
  } catch {
    // no storage, or a full one: the number in memory goes on
  }
}
