// Before each file of tests: where a runtime was asked for, it is that one.
const { CRYPTCAB_RUNTIME: asked } = process.env;
const { bun, deno, node } = process.versions;
const here = bun !== undefined ? `bun ${bun}` : deno !== undefined ? `deno ${deno}` : `node ${node}`;
if (asked !== undefined && asked !== here) throw new Error(`this is ${here}, and not ${asked}`);
