// `cryptcab unit`: a unit by which systemd runs cables by their names.
import { CAP, type Capability } from '../../cable/native/linux/privileges.js';
import { readConfiguration } from '../configuration.js';
import { again } from '../program.js';
import { needs } from '../run/user.js';

/** One word of a command in a unit: systemd.syntax(7). */
function quoted(word: string): string {
  const text = word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./@:+=,-]+$/.test(word) ? text : `"${text}"`;
}

/** A command as a unit has it. */
export function unitCommand(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

/** This program, as it was called. */
function ownCommand(): string {
  const [program, args] = again([]);
  return unitCommand([program, ...args]);
}

/**
 * The unit of one cable, with what its file asks for.
 * @throws UsageError as readConfiguration does
 */
export function unitOf(cable: string): string {
  return unitText(needs(readConfiguration(cable).settings));
}

/**
 * The unit, as a template for all cables, or for one that needs more.
 * @param needed what it may do besides
 * @param command what starts this program, as a unit writes it
 */
export function unitText(needed: readonly Capability[] = [], command: string = ownCommand()): string {
  const capabilities = Object.entries(CAP)
    .filter(([, capability]) => needed.includes(capability))
    .map(([name]) => `CAP_${name}`)
    .join(' ');
  const families = needed.includes(CAP.NET_RAW) ? ' AF_PACKET' : '';
  return `[Unit]
Description=Encrypted Ethernet cable %i
Documentation=man:cryptcab(1)
After=network.target

[Service]
Type=notify
ExecStart=${command} up --foreground %i
ExecReload=/bin/kill -HUP $MAINPID
# It waits for what is not there yet, and is ready when frames can pass.
TimeoutStartSec=infinity
WatchdogSec=30
Restart=on-failure
RestartSec=1
# A wrong configuration stays wrong.
RestartPreventExitStatus=2

User=cryptcab
StateDirectory=cryptcab
StateDirectoryMode=0700
RuntimeDirectory=cryptcab
RuntimeDirectoryMode=0700
# Other cables have it as well.
RuntimeDirectoryPreserve=yes
UMask=0077
# For a server's threads, which carry for others.
LimitNICE=-10

CapabilityBoundingSet=${capabilities}
AmbientCapabilities=${capabilities}
${needed.includes(CAP.NET_ADMIN) ? 'DevicePolicy=closed\nDeviceAllow=/dev/net/tun rw' : 'PrivateDevices=yes'}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX${families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @pkey
SystemCallErrorNumber=EPERM
# No MemoryDenyWriteExecute: the runtime compiles the program while it runs.

[Install]
WantedBy=multi-user.target
`;
}
