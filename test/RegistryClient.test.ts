import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeRegistry from "../src/NodeRegistry.js"
import { suite } from "./suites/client.js"
import { memory, sockets } from "./utils/pair.js"

suite("RegistryClient over registries in memory", memory)

suite("RegistryClient over sockets, with undici", sockets(NodeRegistry.layerHttp({ proxy: false })))

// The bodies here are small: the README says what fetch is not fit for.
suite("RegistryClient over sockets, with fetch", sockets(FetchHttpClient.layer))
