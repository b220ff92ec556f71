/**
 * The registry on whose behalf a request is made: what a layer that makes connections must know to judge where one leads.
 *
 * @internal
 */
import * as Context from "effect/Context"
import { isInternal } from "./address.js"

/** One object for each registry of a client, shared by all of its requests. */
export interface Principal {
  /** Scheme and host of the registry's API. It may be asked wherever it is. */
  readonly origin: string
  /** The host alone, as a `URL` has it. */
  readonly hostname: string
  /** What was set: whether the registry may lead to internal addresses. Undefined: when it is at one itself. */
  readonly allowPrivate: boolean | undefined
  /** Put in place by a layer that looks names up, with each request to the registry itself. */
  places: Places | undefined
}

/** Where names were found to lead. */
export interface Places {
  /** Whether all connections to the host, as far as they are known, went to internal addresses. */
  readonly isInside: (hostname: string) => boolean
}

/**
 * Part of the context of each request that the transport sends. Requests of others have none.
 *
 * @internal
 */
export class CurrentPrincipal extends Context.Reference<CurrentPrincipal>()("effect-oci/internal/CurrentPrincipal", {
  defaultValue: (): Principal | undefined => undefined
}) {}

/**
 * Whether realms, redirects and `Location`s of the registry may lead to internal addresses.
 *
 * @internal
 */
export const mayLeadInside = ({ allowPrivate, hostname, places }: Principal): boolean =>
  allowPrivate ?? (isInternal(hostname) || places?.isInside(hostname) === true)
