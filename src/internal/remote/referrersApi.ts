/**
 * Which repositories' registries were found to have no referrers API (R-070), so that none is asked for it twice.
 *
 * @internal
 */
import type { Session } from "../../Repository.js"
import { isStatus, type Remote } from "./remote.js"

const lacking = new WeakMap<Session, Set<string>>()

const key = ({ name, registry }: Remote): string => `${registry}/${name}`

export const isLacking = (remote: Remote): boolean => lacking.get(remote.session)?.has(key(remote)) === true

/**
 * Whether the answer says that there is no such API: a 404 and nothing else. That of a repository which is not there
 * yet is not remembered.
 */
export const saysLacking = (
  remote: Remote,
  error: {
    readonly _tag: string
    readonly status?: number | undefined
    readonly errors?: ReadonlyArray<{ readonly code: string }> | undefined
  }
): boolean => {
  if (!isStatus(error, 404)) return false
  if (error.errors?.some(({ code }) => code === "NAME_UNKNOWN") !== true) {
    let names = lacking.get(remote.session)
    if (names === undefined) lacking.set(remote.session, names = new Set())
    names.add(key(remote))
  }
  return true
}

/** The registry has shown that it has the API. */
export const isThere = (remote: Remote): void => {
  lacking.get(remote.session)?.delete(key(remote))
}
