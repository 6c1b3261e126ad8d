const GUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** The GUID in lower case, or undefined when the text is none: nothing else may pass as an id. */
export function guidOf(text: string | null | undefined): string | undefined {
  return text && GUID.test(text) ? text.toLowerCase() : undefined;
}
