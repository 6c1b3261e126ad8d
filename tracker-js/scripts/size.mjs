import { gzipSync } from 'node:zlib';
import { budget, bundles } from './bundle.mjs';

const files = await bundles();
for (const [name, limit] of Object.entries(budget)) {
  const size = gzipSync(files[name] ?? '', { level: 9 }).length;
  const fits = size <= limit;
  console.log(`${fits ? 'ok      ' : 'TOO BIG '} ${name}: ${size} of ${limit} bytes gzip`);
  if (!fits) process.exitCode = 1;
}
