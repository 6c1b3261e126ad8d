import { guidOf } from './guidOf.js';

/** The first text that is a GUID. */
export function firstGuid(texts: readonly (string | null)[]): string | undefined {
  return texts.map(guidOf).find((guid) => guid !== undefined);
}
