/**
 * Carries a key to the server, for the session of that id.
 * @throws CryptcabError when that cannot be done
 */
export type CarryKey = (id: string, key: Uint8Array, signal: AbortSignal) => Promise<void>;
