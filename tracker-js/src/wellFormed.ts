/**
 * Text for the wire. Sites cut titles in the middle of an emoji; the half that remains is no Unicode, and one such
 * character would make the receiver refuse the whole request.
 */
export function wellFormed(text: unknown): string {
  if (text === undefined || text === null) return '';
  return String(text).replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (found) =>
    found.length === 2 ? found : '\ufffd',
  );
}
