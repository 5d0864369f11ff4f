// Debian packages, under build/deb: npm run deb. The program is the one file with its runtime inside: Debian 12 has Node 18, which is too old
// for it, and a package that brings files of npm's along would have to keep them up to date on its own.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const EXE = join(root, 'build/exe/cryptcab');
const OUT = join(root, 'build/deb');
/** Who answers for a package is whoever makes it, as Debian's own tools have it. */
const { DEBFULLNAME = 'cryptcab', DEBEMAIL = 'root@localhost' } = process.env;
const MAINTAINER = `${DEBFULLNAME} <${DEBEMAIL}>`;
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };
const architecture = ARCHITECTURES[process.arch];

const read = (path) => readFileSync(join(root, path), 'utf8');
const script = (name) => read(`packaging/deb/${name}`);

/** Manual pages of the package cryptcab. */
const PAGES = readdirSync(join(root, 'docs/man')).filter((name) => name !== 'vde_cryptcab.1');

/** The text of `cryptcab WORDS`. */
function says(...words) {
  return execFileSync(process.execPath, [join(root, 'dist/command/main.js'), ...words], { encoding: 'utf8' });
}

/** What a package holds: text, by path. */
async function contents() {
  const { unitText } = await import('../dist/src/cli/commands/unit.js');
  return {
    'usr/lib/systemd/system/cryptcab@.service': unitText(undefined, '/usr/bin/cryptcab'),
    'usr/lib/tmpfiles.d/cryptcab.conf': read('packaging/tmpfiles.conf'),
    'usr/share/bash-completion/completions/cryptcab': says('completion', 'bash'),
    'usr/share/zsh/vendor-completions/_cryptcab': says('completion', 'zsh'),
    'usr/share/fish/vendor_completions.d/cryptcab.fish': says('completion', 'fish'),
    ...Object.fromEntries(
      PAGES.map((name) => [`usr/share/man/man${name.at(-1)}/${name}.gz`, read(`docs/man/${name}`)]),
    ),
    'usr/share/lintian/overrides/cryptcab': script('lintian-overrides'),
  };
}

/** The fields of DEBIAN/control. */
const PACKAGES = {
  cryptcab: {
    Architecture: architecture,
    Depends: 'adduser, libc6 (>= 2.31)',
    Recommends: 'openssh-client, vdeplug',
    Suggests: 'vde2',
    Description: `${description.replace(/^An? /, '').replace(/:.*/, '')}
 Joins VDE switches, or taps, of two machines by an encrypted cable over UDP:
 Ethernet frames as payload of the WireGuard protocol, or of the protocol of
 vde_cryptcab. Keys go by ssh, or are in files. The runtime is in the program.`,
  },
  'cryptcab-vde': {
    Architecture: 'all',
    Depends: `cryptcab (>= ${version})`,
    Provides: 'vde2-cryptcab',
    Conflicts: 'vde2-cryptcab',
    Replaces: 'vde2-cryptcab',
    Description: `cryptcab in the place of vde_cryptcab
 With this package the command vde_cryptcab is cryptcab, with the options of
 vde2-cryptcab, in whose place it is.`,
  },
};

function put(directory, path, content, mode = 0o644) {
  const to = join(directory, path);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  writeFileSync(to, path.endsWith('.gz') ? gzipSync(content, { level: 9 }) : content);
  chmodSync(to, mode);
}

function link(directory, path, target) {
  mkdirSync(dirname(join(directory, path)), { recursive: true, mode: 0o755 });
  symlinkSync(target, join(directory, path));
}

/** What each package has to have. */
function papers(directory, name) {
  const doc = `usr/share/doc/${name}`;
  const year = new Date().getUTCFullYear();
  put(
    directory,
    `${doc}/copyright`,
    `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: cryptcab\n\nFiles: *\nCopyright: ${year} the authors of cryptcab\nLicense: Expat\n${read('LICENSE').replace(/^/gm, ' ').replace(/^ $/gm, ' .')}\n`,
  );
  const date = execFileSync('date', ['-R'], { encoding: 'utf8' }).trim();
  put(
    directory,
    `${doc}/changelog.gz`,
    `cryptcab (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n -- ${MAINTAINER}  ${date}\n`,
  );
}

function control(directory, name) {
  const size = execFileSync('du', ['-k', '-s', directory], { encoding: 'utf8' }).split('\t')[0];
  const fields = {
    Package: name,
    Version: version,
    Section: 'net',
    Priority: 'optional',
    Maintainer: MAINTAINER,
  };
  const { Description, ...rest } = PACKAGES[name];
  const lines = Object.entries({ ...fields, 'Installed-Size': size, ...rest, Description });
  put(directory, 'DEBIAN/control', `${lines.map(([key, value]) => `${key}: ${value}`).join('\n')}\n`);
  const sums = execFileSync('sh', ['-c', "find usr -type f -exec md5sum '{}' +"], {
    cwd: directory,
    encoding: 'utf8',
  });
  put(directory, 'DEBIAN/md5sums', sums);
}

/**
 * Lays out both packages below a directory.
 * @param exe the program, as one file
 * @returns the directory of each
 */
export async function layOut(to, exe) {
  rmSync(to, { recursive: true, force: true });
  const main = join(to, 'cryptcab');
  mkdirSync(join(main, 'usr/lib/cryptcab'), { recursive: true, mode: 0o755 });
  copyFileSync(exe, join(main, 'usr/lib/cryptcab/cryptcab'));
  chmodSync(join(main, 'usr/lib/cryptcab/cryptcab'), 0o755);
  link(main, 'usr/bin/cryptcab', '../lib/cryptcab/cryptcab');
  for (const [path, text] of Object.entries(await contents())) put(main, path, text);
  mkdirSync(join(main, 'etc/cryptcab'), { recursive: true });
  for (const name of ['docs/operating.md', 'docs/security.md', 'README.md', 'CHANGELOG.md'])
    cpSync(join(root, name), join(main, 'usr/share/doc/cryptcab', name), { recursive: true });
  papers(main, 'cryptcab');
  for (const name of ['postinst', 'prerm', 'postrm']) put(main, `DEBIAN/${name}`, script(name), 0o755);
  control(main, 'cryptcab');

  const vde = join(to, 'cryptcab-vde');
  link(vde, 'usr/bin/vde_cryptcab', '../lib/cryptcab/cryptcab');
  put(vde, 'usr/share/man/man1/vde_cryptcab.1.gz', read('docs/man/vde_cryptcab.1'));
  papers(vde, 'cryptcab-vde');
  control(vde, 'cryptcab-vde');
  return [main, vde];
}

/** Makes a package of a directory; returns its path. */
export function pack(directory, to) {
  execFileSync('chmod', ['-R', 'go-w,a+rX', directory]);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z4', '--build', directory, to], {
    stdio: 'pipe',
  });
  return execFileSync('dpkg-deb', ['--show', '--showformat=${Package} ${Version} ${Architecture}', to], {
    encoding: 'utf8',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (architecture === undefined) {
    console.error(`deb: there are packages for ${Object.keys(ARCHITECTURES).join(' and ')} only`);
    process.exit(1);
  }
  execFileSync('npm', ['run', 'build:exe'], { cwd: root, stdio: 'inherit' });
  for (const directory of await layOut(join(OUT, 'tree'), EXE)) {
    const name = directory.endsWith('-vde')
      ? `cryptcab-vde_${version}_all`
      : `cryptcab_${version}_${architecture}`;
    const file = join(OUT, `${name}.deb`);
    console.log(`deb: ${pack(directory, file)}: ${file}`);
  }
}
