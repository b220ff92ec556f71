/**
 * The command as a process.
 *
 * @internal
 */
import { run } from "./app.js"
import { launch } from "./process.js"

launch(run(process.argv))
