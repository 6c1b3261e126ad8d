import type { Answer } from './post.js';

/** What a site owner should hear about an answer: the events that were refused, or the refusal of the request. */
export function rejections({ status, body }: Answer): unknown[] {
  if (status !== 200) return [{ status, body }];
  try {
    const { events } = JSON.parse(body) as { events: { status: string }[] };
    return events.filter((verdict) => verdict.status === 'rejected');
  } catch {
    return [{ status, body }];
  }
}
