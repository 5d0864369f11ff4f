// Installs the packages of npm run deb on bare Debian systems made by debootstrap, and tries them there: node scripts/try-deb.mjs, as root.
// Such a system stays under build/deb/roots, so that the next try begins sooner.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OUT = join(fileURLToPath(new URL('..', import.meta.url)), 'build/deb');
/** debootstrap has a mirror of its own where none is named. */
const MIRROR = process.env.DEBIAN_MIRROR === undefined ? [] : [process.env.DEBIAN_MIRROR];

/** What a user would do first; each line has to succeed. */
const TRY = `
set -ex
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -qy --no-install-recommends "$@"; }
# What is there besides what apt, dpkg and adduser keep for themselves, and Bun for any program that it is in; and who.
there() {
  find / -xdev -mindepth 1 ! -path '/debs*' ! -path '/var/lib/dpkg/*' ! -path '/var/cache/*' ! -path '/var/log/*' ! -path '/root/*' \\
    ! -path '/etc/*-' ! -path /run/adduser ! -path '/tmp/.bun-*' | sort
  cut -d: -f1 /etc/passwd /etc/group
}
apt-get -q update
apt install adduser iproute2 iputils-ping
there >/debs/before
apt install /debs/cryptcab_*.deb
cryptcab --version
cryptcab --help | grep -q serve
key=$(cryptcab keygen) && echo "$key" | cryptcab pubkey
getent passwd cryptcab
test "$(stat -c '%a %U %G' /etc/cryptcab)" = '750 root cryptcab'
grep -q '^ExecStart=/usr/bin/cryptcab up --foreground %i$' /usr/lib/systemd/system/cryptcab@.service
# Both ends of a cable between two networks of their own, of files in /etc/cryptcab, as that user, with taps that were made for it.
cd /etc/cryptcab
umask 077
for end in server client; do cryptcab keygen >$end.key; cryptcab pubkey <$end.key >$end.pub; done
cat client.pub >peers
printf 'on = "tap://t0"\\nkey = "server.key"\\npeers = "peers"\\nuser = "cryptcab"\\n' >server.toml
printf 'connect = "10.9.0.1"\\non = "tap://t0"\\nkey = "client.key"\\npeer = "%s"\\n' "$(cat client.pub)" >client.toml
sed -i "s|$(cat client.pub)|$(cat server.pub)|" client.toml
chown cryptcab server.key client.key peers
unshare --net sh -exc '
  ip link set lo up
  unshare --net sleep 600 & far=$!
  until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do :; done
  ip link add v0 type veth peer name v1 netns $far
  ip address add 10.9.0.1/24 dev v0
  ip link set v0 up
  there() { nsenter --net=/proc/$far/ns/net "$@"; }
  there ip address add 10.9.0.2/24 dev v1
  there ip link set v1 up
  for run in "" there; do
    $run ip tuntap add t0 mode tap user cryptcab
    $run ip link set t0 up
  done
  ip address add 10.9.1.1/24 dev t0
  there ip address add 10.9.1.2/24 dev t0
  cryptcab up server
  there cryptcab up client
  cryptcab status
  ping -n -c 2 -W 5 10.9.1.2
  there cryptcab down client
  cryptcab down server
  kill $far'
apt install /debs/cryptcab-vde_*.deb
vde_cryptcab -h | grep -q -- -s
# A classic one, by the name of the C program. The client returns when it is up, and says nothing then.
head -c 24 /dev/urandom >/root/key
unshare --net sh -exc '
  ip link set lo up
  vde_cryptcab -P /root/key -s tap://t0 & server=$!
  said=$(vde_cryptcab -c 127.0.0.1 -p 0 -P /root/key -s tap://t1 -d --pidfile /root/pid 2>&1)
  test -z "$said"
  kill "$(cat /root/pid)" $server
  wait $server'
apt remove cryptcab cryptcab-vde
test -e /etc/cryptcab/server.key
apt purge cryptcab
there | diff /debs/before -
`;

/** Debian's own look at them. Who makes them for himself alone need not have an address for everybody. */
const nobody = process.env.DEBEMAIL === undefined;
const tags = [
  ...(nobody ? ['bogus-mail-host', 'bogus-mail-host-in-debian-changelog', 'root-in-contact'] : []),
];
const files = readdirSync(OUT).filter((name) => name.endsWith('.deb'));
execFileSync(
  'lintian',
  [
    ...['--allow-root', '--fail-on', 'error,warning'],
    ...(tags.length > 0 ? ['--suppress-tags', tags.join(',')] : []),
    ...files.map((name) => join(OUT, name)),
  ],
  { stdio: 'inherit' },
);
console.log('try-deb: lintian: good');

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
