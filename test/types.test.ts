/** Each operation's channels, checked by the compiler: the assignments fail to compile when a channel changes. */
import { assert, describe, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Copy from "../src/Copy.js"
import type { CopyEvent } from "../src/CopyEvent.js"
import type { Descriptor } from "../src/Descriptor.js"
import type { Digest } from "../src/Digest.js"
import type * as Image from "../src/Image.js"
import type * as OperationError from "../src/OperationError.js"
import * as RegistryClient from "../src/RegistryClient.js"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
type Channels<F> = F extends (...args: any) => Effect.Effect<infer A, infer E, infer R> ? [A, E, R]
  : F extends (...args: any) => Stream.Stream<infer A, infer E, infer R> ? [A, E, R]
  : never

const same = <A, B>(equal: Equal<A, B>) => equal

type Client = RegistryClient.RegistryClient
type Parse = OperationError.ParseReferenceError
type NotFound = OperationError.NotFound
type CopyFailure =
  | Parse
  | OperationError.ParsePlatformError
  | NotFound
  | OperationError.PlatformNotFound
  | OperationError.CopyError
type Failure = Parse | NotFound | OperationError.RegistryOperationError

const checks: Record<string, boolean> = {
  getImage: same<
    Channels<typeof RegistryClient.getImage>,
    [Image.ImageDescriptor, Parse | NotFound | OperationError.GetImageError, Client]
  >(true),
  getImageHandle: same<
    Channels<typeof RegistryClient.getImageHandle>,
    [
      Image.Image,
      | Parse
      | NotFound
      | OperationError.GetImageError
      | OperationError.PlatformNotFound
      | OperationError.ParsePlatformError,
      Client
    ]
  >(true),
  getDigest: same<
    Channels<typeof RegistryClient.getDigest>,
    [Digest, Parse | NotFound | OperationError.GetImageError, Client]
  >(true),
  getPlatformDigests: same<
    Channels<typeof RegistryClient.getPlatformDigests>,
    [Readonly<Record<string, Digest>>, Parse | NotFound | OperationError.GetImageIndexError, Client]
  >(true),
  checkExists: same<
    Channels<typeof RegistryClient.checkExists>,
    [boolean, Parse | OperationError.GetImageError, Client]
  >(true),
  copy: same<Channels<typeof RegistryClient.copy>, [Copy.CopyResult, CopyFailure, Client]>(true),
  copyImage: same<Channels<typeof RegistryClient.copyImage>, [Copy.CopyResult, CopyFailure, Client]>(true),
  copyIndex: same<
    Channels<typeof RegistryClient.copyIndex>,
    [Copy.CopyResult, CopyFailure | OperationError.GetImageIndexError, Client]
  >(true),
  copyPlatformImage: same<
    Channels<typeof RegistryClient.copyPlatformImage>,
    [Copy.CopyResult, CopyFailure, Client]
  >(true),
  copyTo: same<Channels<typeof RegistryClient.copyTo>, [ReadonlyArray<Copy.Outcome>, CopyFailure, Client]>(true),
  copyStream: same<Channels<typeof RegistryClient.copyStream>, [CopyEvent, CopyFailure, Client]>(true),
  planCopy: same<Channels<typeof RegistryClient.planCopy>, [Copy.Plan, CopyFailure, Client]>(true),
  copyRepository: same<Channels<typeof RegistryClient.copyRepository>, [Copy.TagOutcome, Failure, Client]>(true),
  pushManifestList: same<
    Channels<typeof RegistryClient.pushManifestList>,
    [Digest, Parse | OperationError.ParsePlatformError | OperationError.PushManifestError, Client]
  >(true),
  ping: same<Channels<typeof RegistryClient.ping>, [void, Failure, Client]>(true),
  listTags: same<Channels<typeof RegistryClient.listTags>, [string, Failure, Client]>(true),
  listReferrers: same<Channels<typeof RegistryClient.listReferrers>, [Descriptor, Failure, Client]>(true),
  listRepositories: same<Channels<typeof RegistryClient.listRepositories>, [string, Failure, Client]>(true),
  deleteImage: same<Channels<typeof RegistryClient.deleteImage>, [void, Failure, Client]>(true),
  deleteTag: same<Channels<typeof RegistryClient.deleteTag>, [void, Failure, Client]>(true),
  tagImage: same<Channels<typeof RegistryClient.tagImage>, [Digest, Failure, Client]>(true)
}

describe("types", () => {
  it("every operation of the client is checked, and is a function of the module", () => {
    for (const operation of Object.keys(checks)) {
      assert.isFunction(Reflect.get(RegistryClient, operation))
    }
    const module = Object.entries(RegistryClient).filter(([name, value]) =>
      typeof value === "function" && !["RegistryClient", "make", "layer", "layerConfig", "repository"].includes(name)
    ).map(([name]) => name)
    assert.sameMembers(module, Object.keys(checks))
  })
})
