// Run by Bun for scripts/build-exe.mjs: puts program, I/O thread and koffi's library into one file.
import { join } from 'node:path';
import { root } from './setup.mjs';

const [, , outfile] = process.argv;

/** koffi finds its library by ways that no bundler follows; here there is one that can be it. */
const koffi = {
  name: 'koffi',
  setup(build) {
    build.onResolve({ filter: /^koffi$/ }, () => ({ path: join(root, 'node_modules/koffi/index.cjs') }));
    build.onResolve({ filter: /^@koromix\/koffi-/ }, ({ path }) => {
      const { platform, arch } = process;
      if (!path.endsWith(`/koffi-${platform}-${arch}`)) return undefined; // left out: it cannot be asked for
      return { path: join(root, 'node_modules', path, `${platform}_${arch}`, 'koffi.node') };
    });
  },
};

const made = await Bun.build({
  entrypoints: ['dist/src/cli/main.js', 'dist/src/cable/native/thread/worker.js'].map((name) =>
    join(root, name),
  ),
  naming: '[name].[ext]', // the thread is looked for beside the program
  plugins: [koffi],
  format: 'esm',
  bytecode: true,
  minify: { whitespace: true, syntax: true },
  compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
});
for (const line of made.logs) console.log(line);
process.exit(made.success ? 0 : 1);
