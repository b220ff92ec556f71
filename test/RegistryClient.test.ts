import { suite } from "./suites/client.js"
import { memory } from "./utils/pair.js"

suite("RegistryClient over registries in memory", memory)
