import type { Policy } from './policy.js';

/** A network of this machine's, where each plug is a tap of its own, which is admitted there. */
export interface TapNetwork {
  /** What a tap is called; the kernel puts a number in the place of `%d`. */
  readonly tap: string;
  /**
   * Lets a tap's frames pass, as far as the policy has it.
   * @param policyNow what that is now: it may change while this takes its time
   * @throws CryptcabError where that cannot be had
   */
  admit(device: string, policyNow: () => Policy): Promise<void>;
  /** What people should know of it is said so from now on. */
  tells(say: (line: string) => void): void;
  /** Why a tap is gone that was admitted, in one line. */
  readonly gone: string;
  /**
   * From now on this is the policy of a tap that was admitted; nothing, of one that is not there.
   * @throws CryptcabError where that cannot be had
   */
  govern(device: string, policy: Policy): Promise<void>;
  /**
   * A tap is to go.
   * @param close closes it, which takes it away where it is there still
   */
  dismiss(device: string, close: () => void): void;
  /** Why it does not filter VLANs, in one line; undefined where it does. */
  vlansRefused(): Promise<string | undefined>;
  /** How many frames from a tap its policy has refused, by reason. */
  refused(device: string): ReadonlyMap<string, number>;
}
