/** An embedded registry with a storage of the test's own, without sockets. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"
import { makeClient } from "../../src/internal/server/client.js"
import * as RegistryServer from "../../src/RegistryServer.js"
import * as Http from "./http.js"

/** A registry at `https://registry.example`, and what sends requests to it. */
export const embedded = (options?: RegistryServer.Options) =>
  Effect.map(RegistryServer.make(options), (server) => {
    const client = makeClient(new Map([["registry.example", { name: "registry.example", server, realm: undefined }]]))
    const send = (method: HttpMethod, url: string, rest?: Parameters<typeof Http.send>[3]) =>
      Effect.provideService(
        Http.send("https://registry.example", method, url, rest),
        HttpClient.HttpClient,
        client
      )
    return { server, send }
  })

/** A registry in a directory of its own; what opens and closes files in it is counted. */
export const embeddedInDirectory = Effect.fnUntraced(function*(
  options: Omit<RegistryServer.Options, "storage"> = {}
) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const files = { open: 0 }
  const counting: FileSystem.FileSystem = {
    ...fs,
    open: (...args) =>
      Effect.zipRight(
        Effect.acquireRelease(Effect.sync(() => files.open++), () => Effect.sync(() => files.open--)),
        fs.open(...args)
      )
  }
  const storage = yield* Effect.provideService(
    RegistryServer.storageDirectory(directory),
    FileSystem.FileSystem,
    counting
  )
  return { directory, files, fs, storage, ...(yield* embedded({ ...options, storage })) }
})

export const basic = (user: string, password = user): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
})
