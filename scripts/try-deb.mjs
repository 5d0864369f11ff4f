// Installs the packages of npm run deb on bare Debian systems made by debootstrap, and tries them there: node scripts/try-deb.mjs, as root.
// Such a system stays under build/deb/roots, so that the next try begins sooner.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OUT = join(fileURLToPath(new URL('..', import.meta.url)), 'build/deb');
/** debootstrap has a mirror of its own where none is named. */
const MIRROR = process.env.DEBIAN_MIRROR === undefined ? [] : [process.env.DEBIAN_MIRROR];

/** What a user would do first; each line has to succeed. */
const TRY = `
set -ex
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -qy --no-install-recommends install iproute2 /debs/cryptcab_*.deb
cryptcab --version
cryptcab --help | grep -q serve
key=$(cryptcab keygen) && echo "$key" | cryptcab pubkey
getent passwd cryptcab
test "$(stat -c '%a %U %G' /etc/cryptcab)" = '750 root cryptcab'
grep -q '^ExecStart=/usr/bin/cryptcab up --foreground %i$' /usr/lib/systemd/system/cryptcab@.service
# Both ends of a cable, in a network of their own. The client returns when it is up, and says nothing then.
head -c 24 /dev/urandom >/root/key && chmod 600 /root/key
unshare --net sh -exc '
  ip link set lo up
  cryptcab serve --classic -P /root/key -s tap://t0 & server=$!
  said=$(cryptcab connect 127.0.0.1 --classic -P /root/key -s tap://t1 -d --pidfile /root/pid 2>&1)
  test -z "$said"
  kill "$(cat /root/pid)" $server
  wait $server'
apt-get -qy --no-install-recommends install /debs/cryptcab-vde_*.deb
vde_cryptcab -h | grep -q -- -s
apt-get -qy purge cryptcab cryptcab-vde
test ! -e /usr/bin/cryptcab
test ! -e /usr/bin/vde_cryptcab
`;

for (const suite of process.argv.length > 2 ? process.argv.slice(2) : ['bookworm', 'trixie']) {
  const base = join(OUT, 'roots', suite);
  if (!existsSync(join(base, 'usr/bin/apt-get'))) {
    mkdirSync(join(OUT, 'roots'), { recursive: true });
    execFileSync('debootstrap', ['--variant=minbase', suite, base, ...MIRROR], { stdio: 'inherit' });
  }
  // What a try changes stays in memory: the next one begins from a bare system again.
  const script = `mount -t tmpfs tmpfs /mnt && mkdir /mnt/new /mnt/work /mnt/root &&
    mount -t overlay overlay -o lowerdir='${base}',upperdir=/mnt/new,workdir=/mnt/work /mnt/root &&
    mkdir /mnt/root/debs && cp '${OUT}'/*.deb /mnt/root/debs && mount -t proc proc /mnt/root/proc && mount --rbind /dev /mnt/root/dev &&
    cp /etc/resolv.conf /mnt/root/etc/resolv.conf && exec chroot /mnt/root sh -c "$1"`;
  execFileSync('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh', TRY], {
    stdio: 'inherit',
  });
  console.log(`try-deb: ${suite}: good`);
}
