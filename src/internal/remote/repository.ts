/**
 * A repository of a registry, over HTTP.
 *
 * @internal
 */
import type * as RegistryConfig from "../../RegistryConfig.js"
import { type CompleteRepository, type Session, TypeId } from "../../Repository.js"
import type { Transport } from "../http/transport.js"
import { deleteBlob, hasBlob, readBlob } from "./blobs.js"
import { getBlob } from "./download.js"
import { getManifest, resolve } from "./manifests.js"
import { referrers } from "./referrers.js"
import { putWithReferrers } from "./referrersTag.js"
import type { Remote } from "./remote.js"
import { deleteManifest } from "./removal.js"
import { tags } from "./tags.js"
import { mountBlob, mountTells, putBlob, uploadBlob } from "./upload.js"

export interface Options {
  readonly transport: Transport
  readonly session: Session
  /** As references name it: `docker.io`. */
  readonly registry: string
  /** Checked by each method before anything is sent. */
  readonly name: string
  readonly config: RegistryConfig.Options
  readonly access?: "read" | "write" | undefined
  /** Token scopes asked for together with the repository's own, so that one token serves several repositories. */
  readonly also?: ReadonlyArray<string> | undefined
}

export const makeRepository = (options: Options): CompleteRepository => {
  const remote: Remote = options
  return {
    [TypeId]: TypeId,
    registry: options.registry,
    name: options.name,
    session: options.session,
    resolve: resolve(remote),
    getManifest: getManifest(remote),
    putManifest: putWithReferrers(remote),
    hasBlob: hasBlob(remote),
    getBlob: getBlob(remote),
    readBlob: readBlob(remote),
    putBlob: putBlob(remote),
    uploadBlob: uploadBlob(remote),
    mountTells: mountTells(remote),
    tags: tags(remote),
    mountBlob: mountBlob(remote),
    referrers: referrers(remote),
    deleteManifest: deleteManifest(remote),
    deleteBlob: deleteBlob(remote)
  }
}
