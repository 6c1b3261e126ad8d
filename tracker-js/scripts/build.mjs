import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { bundles, root } from './bundle.mjs';

const files = await bundles();

/** The receiver serves these from its package; where this folder stands alone, there is none. */
const receiver = `${root}../components/receiver/src/footfall_receiver`;
/** Whoever hands the snippet out fills it in from here. */
const common = `${root}../components/common/src/footfall_common`;
const targets = [`${root}dist`, ...(existsSync(receiver) ? [`${receiver}/static/JS`] : [])];

/**
 * A receiver may be serving the file at this moment: one that is right already is left alone.
 * @param {string} path @param {string} text
 */
async function writeChanged(path, text) {
  const present = existsSync(path) ? await readFile(path, 'utf8') : undefined;
  if (present !== text) await writeFile(path, text);
}

for (const target of targets) {
  await mkdir(target, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeChanged(`${target}/${name}`, text);
}
if (existsSync(common)) {
  await mkdir(`${common}/static`, { recursive: true });
  await writeChanged(`${common}/static/snippet.html`, files['snippet.html'] ?? '');
}
console.log(`built ${Object.keys(files).join(', ')}`);
if (targets.length === 1)
  console.log('not copied to the receiver: no components/receiver beside this folder');
