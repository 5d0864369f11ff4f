// The API reference, from the doc comments of what package.json exports. What lacks one is an error.

/** Members of the alternatives of a union, of a tuple of constants, or of what is returned: the comment of the whole describes them. */
const WITHIN = {
  'cryptcab.Keying': ['suite', 'key', 'block'],
  'protocol.ClientEffect': ['do', 'datagram', 'id', 'key', 'keying', 'why'],
  'protocol.ClientMode': ['kind', 'key', 'carried', 'carried.__type.id', 'carried.__type.key'],
  'protocol.ServerEffect': ['do', 'datagram', 'id', 'keying', 'peer', 'to', 'why'],
  'protocol.SecureEffect': ['do', 'datagram', 'from', 'hint', 'keys', 'peer', 'place', 'to', 'why'],
  'protocol.SecureHint': ['what', 'from', 'publicKey', 'peer', 'behind', 'fromOurs', 'frames'],
  'protocol.HostEffect': ['do', 'frame', 'packet', 'address', 'mac', 'on', 'family', 'notice'],
  'protocol.HostNotice': ['what', 'address', 'mac', 'used', 'server', 'seconds', 'family'],
  'core.Opened': ['frame', 'refused'],
  'core.OpenedMessage': ['refused'],
  'protocol.SecureMachine.route': ['peer', 'place'],
  'protocol.KEY_FILE_BYTES': ['blowfish', 'chacha20'],
  'protocol.RESPONSE_BYTES': ['blowfish', 'chacha20', 'plain'],
  'protocol.TYPE': ['LOGIN', 'CHALLENGE', 'RESPONSE', 'AUTH_OK', 'DENY', 'KEEPALIVE', 'DATA'],
  'protocol.secureMessages.cookieParts': ['nonce', 'sealed'],
  'protocol.secureMessages.macsOf': ['mac1', 'mac2'],
};

export default {
  name: 'cryptcab',
  entryPoints: ['index', 'library/index', 'protocol/index', 'core/index'].map(
    (file) => `../../src/${file}.ts`,
  ),
  tsconfig: '../../tsconfig.json',
  out: '../../docs/api',
  readme: 'none',
  sort: ['source-order'],
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  // They would point to a place on the web for each line.
  disableSources: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
    unusedMergeModuleWith: true,
  },
  requiredToBeDocumented: [
    'Module',
    'Namespace',
    'Variable',
    'Function',
    'Class',
    'Interface',
    'Property',
    'Method',
    'Accessor',
    'TypeAlias',
  ],
  intentionallyNotDocumented: Object.entries(WITHIN).flatMap(([whole, members]) =>
    members.map((member) => `${whole}.__type.${member}`),
  ),
};
