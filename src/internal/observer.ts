/**
 * Who wants to know of the requests and retries that an operation causes, wherever below it they happen.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as RegistryConfig from "../RegistryConfig.js"

export interface Observer {
  /** A request goes out: each try, each redirect, each request to a token server. */
  readonly onRequest: () => void
  /** What failed is tried again after its delay: a request, or a transfer that goes on where it broke off. */
  readonly onRetry: (retry: RegistryConfig.Retry) => void
}

const nobody: Observer = { onRequest: () => {}, onRetry: () => {} }

export class CurrentObserver extends Context.Reference<CurrentObserver>()("effect-oci/internal/CurrentObserver", {
  defaultValue: () => nobody
}) {}
