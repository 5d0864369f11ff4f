// Makes the page of what was built: one file, build/site/index.html, with style and script inside. It fetches nothing,
// which its own policy has the browser see to, so that it works from any disk and any server.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { root } from './setup.mjs';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [script, style] = ['site/page.ts', 'site/style.css'].map((entry) => {
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    define: { CRYPTCAB_VERSION: JSON.stringify(version) },
    write: false,
  });
  return outputFiles[0].text.trim();
});

// As data, that the page reads as it reads a visitor's file.
const folder = join(root, 'vectors');
const vectors = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
  .sort()
  .map((name) => [name, readFileSync(join(folder, name), 'utf8')])
  .map(
    ([name, text]) =>
      `<script type="application/json" data-vectors="${name}">${text.replaceAll('<', '\\u003c')}</script>`,
  )
  .join('\n');

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = `default-src 'none'; script-src ${hashOf(script)} 'wasm-unsafe-eval'; style-src ${hashOf(style)}; img-src data:; base-uri 'none'; form-action 'none'`;
const put = {
  policy: `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
  style: `<style>${style}</style>`,
  vectors,
  script: `<script>${script}</script>`,
};
const page = readFileSync(join(root, 'site/index.html'), 'utf8').replace(
  /<!--(policy|style|vectors|script)-->/g,
  (_, name) => put[name],
);
mkdirSync(join(root, 'build/site'), { recursive: true });
writeFileSync(join(root, 'build/site/index.html'), page);
console.log(`build/site/index.html: ${Math.ceil(page.length / 1024)} KiB`);
