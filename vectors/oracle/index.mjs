// Confirms each value in the files of vectors without cryptcab: by OpenSSL, by Python, and by what the protocol says.
//
//     node vectors/oracle/index.mjs [FILE...]
//
// It needs python3, and an OpenSSL under Node.js that has its legacy provider.
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { begin, end } from './ask.mjs';
import * as ciphers from './ciphers.mjs';
import * as classic from './classic.mjs';
import * as traces from './classic-traces.mjs';
import * as secure from './secure.mjs';
import * as hosts from './secure-hosts.mjs';
import { trace as secureTrace } from './secure-traces.mjs';

const CHECKS = {
  BlockCipherTest: ciphers.blocks,
  IndCpaTest: ciphers.cbc,
  ChecksumTest: ciphers.checksum,
  VdestreamReadTest: ciphers.streamRead,
  VdestreamWriteTest: ciphers.streamWritten,
  ClassicDataTest: classic.data,
  ClassicResponseTest: classic.response,
  ClassicHandshakeTest: classic.handshake,
  ClassicCaptureTest: classic.captured,
  ClassicClientTrace: traces.client,
  ClassicServerTrace: traces.server,
  SecureTransportTest: secure.transport,
  SecurePayloadTest: secure.payloads,
  SecurePackingTest: secure.packing,
  SecureHandshakeTest: secure.handshake,
  SecureCookieTest: secure.cookies,
  SecureTrace: secureTrace,
  SecureHostTrace: hosts.trace,
  SecureHostAddressTest: hosts.addresses,
};

/** Ours, and the captures of the C program. */
function allFiles() {
  const inDirectory = (name) => fileURLToPath(new URL(name, import.meta.url));
  const json = (name, only) =>
    readdirSync(inDirectory(name))
      .filter((file) => file.endsWith('.json') && !file.endsWith('.schema.json') && only.test(file))
      .map((file) => inDirectory(`${name}${file}`));
  return [...json('../', /./), ...json('../foreign/', /^capture-/)];
}

async function confirm(path) {
  const file = JSON.parse(readFileSync(path, 'utf8'));
  let confirmed = 0;
  const failures = [];
  for (const { tests, ...group } of file.testGroups) {
    const check = CHECKS[group.type];
    if (check === undefined) throw new Error(`${path}: nobody confirms a ${group.type}`);
    for (const test of tests) {
      try {
        await check({ ...group, ...test });
        confirmed++;
      } catch (error) {
        failures.push(`${basename(path)}: test ${test.tcId} (${test.comment}): ${error.message}`);
      }
    }
  }
  return { confirmed, failures };
}

async function main(files) {
  const { openssl, node, python, zlib } = await begin();
  console.log(`OpenSSL ${openssl} (node:crypto of Node.js ${node}); Python ${python}, zlib ${zlib}`);
  let failed = 0;
  for (const path of files.length > 0 ? files : allFiles()) {
    const { confirmed, failures } = await confirm(path);
    failed += failures.length;
    console.log(`${basename(path)}: ${confirmed} confirmed, ${failures.length} not`);
    for (const failure of failures) console.error(failure);
  }
  end();
  return failed === 0 ? 0 : 1;
}

const [script, ...files] = process.argv.slice(1);
if (crypto.getCiphers().includes('bf-cbc') && process.execArgv.includes('--openssl-legacy-provider')) {
  try {
    process.exitCode = await main(files);
  } catch (error) {
    console.error(`oracle: ${error.message}`);
    process.exit(1);
  }
} else {
  const again = ['--openssl-legacy-provider', script, ...files];
  process.exitCode = spawnSync(process.execPath, again, { stdio: 'inherit' }).status ?? 1;
}
