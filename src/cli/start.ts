/**
 * `npm start`: the quick start, or with arguments the command itself.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { run } from "./app.js"
import { settle } from "./failure.js"
import { launch } from "./process.js"
import { quickStart } from "./quickStart.js"

launch(process.argv.length > 2 ? run(process.argv) : settle(Effect.as(quickStart, 0)))
