import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('..', import.meta.url));

const manifest = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
/** @type {Record<string, number>} */
export const budget = manifest.sizeBudget;

/** Browsers since 2018. Older ones meet a syntax error in this script alone, and the page goes on. */
const TARGET = 'es2018';

/** @param {string} entry @param {boolean} minify */
async function bundle(entry, minify) {
  const result = await build({
    entryPoints: [`${root}src/${entry}`],
    bundle: true,
    minify,
    write: false,
    format: 'iife',
    target: TARGET,
    charset: 'ascii',
    legalComments: 'none',
    define: { VERSION: JSON.stringify(manifest.version) },
  });
  return result.outputFiles.map((file) => file.text).join('');
}

/**
 * Every file that is handed out: name -> text.
 * @returns {Promise<Record<string, string>>}
 */
export async function bundles() {
  const [engine, minified, loader] = await Promise.all([
    bundle('engine.ts', false),
    bundle('engine.ts', true),
    bundle('snippet.ts', true),
  ]);
  return {
    'creatio-tracking-engine.js': engine,
    'creatio-tracking-engine.min.js': minified,
    'snippet.html': `<script>\n${loader.trim()}\n</script>\n`,
  };
}
