/** Builds what is tested and the tests, then runs them on node's own runner; arguments pick files: `npm test -- golden`. */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { root } from './bundle.mjs';

await import('./build.mjs');

const picked = process.argv.slice(2);
const sources = ['unit', 'e2e']
  .flatMap((kind) => readdirSync(`${root}test/${kind}`).map((name) => `test/${kind}/${name}`))
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => picked.length === 0 || picked.some((part) => name.includes(part)));

// Inside node_modules: the compiled tests find their packages there, and no source is there to be confused with.
const out = `${root}node_modules/.footfall-tests`;
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: sources.map((name) => root + name),
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  outdir: out,
  outbase: `${root}test`,
  outExtension: { '.js': '.mjs' },
  sourcemap: 'inline',
});

const tests = sources.map(
  (name) => `${out}/${name.slice('test/'.length).replace(/\.ts$/, '.mjs')}`,
);
const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...tests], {
  stdio: 'inherit',
  cwd: root,
});
process.exitCode = run.status ?? 1;
