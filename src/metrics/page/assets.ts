// What the page loads besides: how it looks, and what keeps it new. A browser runs the script, so it is a text here.

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fff; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --card: #f6f8fa;
  --good: #116329; --bad: #a40e26; --in: #0550ae; --out: #953800; --link: #0550ae;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --card: #161b22;
    --good: #56d364; --bad: #ff7b72; --in: #79c0ff; --out: #ffa657; --link: #79c0ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { color: var(--text); font-size: 1.15rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
#lost { background: var(--bad); color: var(--page); padding: .5rem 1rem; border-radius: .4rem; }
.up { color: var(--good); font-weight: 600; }
.down { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(11rem, 45%), 1fr)); gap: .5rem; margin: 0; }
dl div { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; }
svg { display: block; width: 100%; height: 8rem; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; }
polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
polyline.in { stroke: var(--in); }
polyline.out { stroke: var(--out); stroke-dasharray: 6 3; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; margin-top: .3rem; color: var(--quiet); }
.key::before { content: ""; display: inline-block; width: 1.6em; margin-right: .5em; vertical-align: middle; border-top: 2px solid; }
.key.in::before { border-color: var(--in); }
.key.out::before { border-top-style: dashed; border-color: var(--out); }
table { width: 100%; border-collapse: collapse; margin: 0 0 1rem; }
caption { text-align: left; color: var(--quiet); padding-bottom: .2rem; }
th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { color: var(--quiet); font-weight: 400; font-size: .85rem; white-space: nowrap; }
tbody th { font-weight: 600; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .85rem; }
@media (max-width: 50rem) {
  table, tbody, caption { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr, tbody th, td { display: block; border: 0; padding: .1rem 0; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td:empty { display: none; }
  td { display: flex; justify-content: space-between; gap: 1rem; }
  td::before { content: attr(data-head); color: var(--quiet); flex: none; }
}
`;

/** Takes the newest of the page as the server sends it, and changes what is another: what is selected or has the focus stays. */
export const SCRIPT = `'use strict';
const main = document.querySelector('main');
const lost = document.querySelector('#lost');

function become(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  for (const [i, child] of after.entries()) {
    if (i < before.length) become(before[i], child);
    else old.append(child);
  }
  for (const child of before.slice(after.length)) child.remove();
}

const events = new EventSource('events' + location.search);
events.addEventListener('message', ({ data }) => {
  const fresh = new DOMParser().parseFromString(data, 'text/html').querySelector('main');
  become(main, document.adoptNode(fresh));
  lost.hidden = true;
});
events.addEventListener('error', () => {
  lost.hidden = false;
});
`;
