// Checks vectors with this program, on the runtime that it runs on. No I/O: it runs in a page as well.
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { aead, agreement, blockCipher, cbc, cbcUnpadded, checksum, mac } from './checks/ciphers.js';
import * as classic from './checks/classic.js';
import * as secure from './checks/secure.js';
import * as traces from './checks/traces.js';
import * as stream from './checks/vdestream.js';
import { Fields, Refused } from './fields.js';
import { type VectorFile, type VectorGroup, VectorsError, type VectorTest } from './format.js';
import { type Check, Tools } from './tools.js';

/** A test that did not come out as its file says. */
export interface Failure {
  readonly tcId: number;
  readonly comment: string;
  readonly why: string;
}

/** What became of a group's tests. */
export interface GroupResult {
  readonly type: string;
  /** Its source, or what sets it apart, if it says so. */
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  /** Of a kind that this program has nothing for. */
  readonly skipped: number;
  readonly failures: readonly Failure[];
}

/** By the group's type; where several algorithms share one, by algorithm and type. */
const CHECKS: Readonly<Record<string, Check>> = {
  'BLOWFISH-ECB BlockCipherTest': blockCipher,
  'BLOWFISH-CBC IndCpaTest': cbcUnpadded,
  'BLOWFISH-CBC-PKCS5 IndCpaTest': cbc,
  'CHACHA20-POLY1305 AeadTest': aead(chacha20poly1305),
  'XCHACHA20-POLY1305 AeadTest': aead(xchacha20poly1305),
  'POLY1305 MacTest': mac,
  'CRC-32 ChecksumTest': checksum,
  'XDH XdhComp': agreement,
  VdestreamReadTest: stream.read,
  VdestreamWriteTest: stream.write,
  ClassicDataTest: classic.data,
  ClassicResponseTest: classic.response,
  ClassicHandshakeTest: classic.wholeHandshake,
  ClassicCaptureTest: classic.captured,
  ClassicClientTrace: traces.clientTrace,
  ClassicServerTrace: traces.serverTrace,
  SecureTransportTest: secure.transport,
  SecurePayloadTest: secure.payloads,
  SecurePackingTest: secure.packing,
  SecureHandshakeTest: secure.secureWhole,
  SecureCookieTest: secure.cookies,
  SecureTrace: traces.secureTrace,
  SecureHostTrace: traces.hostTrace,
  SecureHostAddressTest: secure.hostAddresses,
  NoiseTest: secure.noise,
};

function checkFor({ algorithm }: VectorFile, group: VectorGroup): Check | undefined {
  if (group.curve !== undefined && group.curve !== 'curve25519') return undefined;
  const named = [group.type, `${algorithm} ${group.type}`].find((name) => Object.hasOwn(CHECKS, name));
  return named === undefined ? undefined : CHECKS[named];
}

/** Why a test fails; undefined when it comes out as it says. */
function failure(check: Check, group: VectorGroup, test: VectorTest, tools: Tools): string | undefined {
  try {
    check(new Fields(group, test), tools);
  } catch (error) {
    if (error instanceof Refused) {
      if (test.result === 'valid') return `refused: ${error.reason}`;
      const { reason } = test;
      if (reason === undefined || reason === error.reason) return undefined;
      return `refused for ${error.reason}, not for ${reason}`;
    }
    // Differs or FieldError; or what is in the file is so odd that the program chokes on it.
    return error instanceof Error ? error.message : String(error);
  } finally {
    tools.drain(); // what it may have left in the ring is not the next one's
  }
  return test.result === 'invalid' ? 'not refused' : undefined;
}

function verifyGroup(file: VectorFile, group: VectorGroup, tools: Tools): GroupResult {
  const { type, tests } = group;
  const name = typeof group.name === 'string' ? group.name : (group.source?.name ?? '');
  const check = checkFor(file, group);
  if (check === undefined) return { type, name, passed: 0, failed: 0, skipped: tests.length, failures: [] };
  const failures: Failure[] = [];
  for (const test of tests) {
    const why = failure(check, group, test, tools);
    if (why !== undefined) failures.push({ tcId: test.tcId, comment: test.comment, why });
  }
  const failed = failures.length;
  return { type, name, passed: tests.length - failed, failed, skipped: 0, failures };
}

/**
 * Checks a file's tests; see parseVectors for how one is read.
 * @returns a result for each of its groups, in their order
 * @throws VectorsError where this program has nothing that the file could test
 */
export async function verify(file: VectorFile): Promise<readonly GroupResult[]> {
  const tools = await Tools.load();
  const results = file.testGroups.map((group) => verifyGroup(file, group, tools));
  if (results.every(({ skipped }) => skipped > 0)) {
    const types = [...new Set(file.testGroups.map(({ type }) => type))].join(', ');
    throw new VectorsError(`nothing here can be tested by this program: ${file.algorithm}, ${types}`);
  }
  return results;
}
